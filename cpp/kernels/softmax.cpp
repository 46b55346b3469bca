// The softmax and argmax kernels of one ISA level.
#include "kernels/lanes-inl.hpp"
#include "kernels/softmax-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void softmax(const T* x, Index x_row, T* y, Index y_row, Index rows, Index n) noexcept {
  for (Index i = 0; i < rows; ++i, x += x_row, y += y_row) {
    const T m = row_max(x, n);
    if (n <= Vec<T>::kLanes) {
      // The row stays in the register.
      const Vec<T> e = exp(load_at(x, Part{n}, minus_infinity<T>()) - splat(m));
      store_partial(y, e * splat(T(1) / reduce_add(e)), n);
      continue;
    }
    // One division a row: a product with 1 / sum is half a unit in the last place less exact.
    const Vec<T> scale = splat(T(1) / exp_row<true>(x, y, n, m));
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(y + c, load_at(y + c, place) * scale, place);
    });
  }
}

template <class T>
void log_softmax(const T* x, Index x_row, T* y, Index y_row, Index rows, Index n) noexcept {
  for (Index i = 0; i < rows; ++i, x += x_row, y += y_row) {
    const T m = row_max(x, n);
    const Vec<T> shift = splat(m);
    const Vec<T> log_sum = splat(log_scalar(exp_row<false, T>(x, nullptr, n, m)));
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(y + c, (load_at(x + c, place) - shift) - log_sum, place);
    });
  }
}

template <class T>
void softmax_backward(const T* dy, const T* y, T* dx, Index rows, Index n) noexcept {
  for (Index i = 0; i < rows; ++i, dy += n, y += n, dx += n) {
    RowSum<T> sum;
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      sum.add(load_at(dy + c, place) * load_at(y + c, place));
    });
    const Vec<T> s = splat(sum.value());
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(dx + c, load_at(y + c, place) * (load_at(dy + c, place) - s), place);
    });
  }
}

template <class T>
void log_softmax_backward(const T* dy, const T* y, T* dx, Index rows, Index n) noexcept {
  for (Index i = 0; i < rows; ++i, dy += n, y += n, dx += n) {
    RowSum<T> sum;
    along_row<T>(
        n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA { sum.add(load_at(dy + c, place)); });
    const Vec<T> s = splat(-sum.value());
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(dx + c, fma(exp(load_at(y + c, place)), s, load_at(dy + c, place)), place);
    });
  }
}

// The first column where the row is `m`, or is NaN if `nan`.
template <class T>
FASTNET_INLINE Index find_first(const T* x, Index n, T m, bool nan) {
  constexpr Index lanes = Vec<T>::kLanes;
  const Vec<T> wanted = splat(m);
  Index c = 0;
  for (; c + lanes <= n; c += lanes) {
    const Vec<T> v = load(x + c);
    if (any(nan ? not_equal(v, v) : equal(v, wanted))) break;
  }
  while (c < n && !(nan ? x[c] != x[c] : x[c] == m)) ++c;
  return c;
}

template <class T>
void argmax(const T* x, Index x_row, std::int64_t* index, Index rows, Index n) noexcept {
  for (Index i = 0; i < rows; ++i, x += x_row) {
    Vec<T> m = minus_infinity<T>();
    Mask<T, kLogical> nan = zero<Int<T>>();
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> v = load_at(x + c, place, minus_infinity<T>());
      m = max(v, m);
      nan = nan | not_equal(v, v);
    });
    index[i] = find_first(x, n, reduce_max(m), any(nan));
  }
}

}  // namespace

void fill_softmax(Kernels& table) noexcept {
  table.f32.softmax = {softmax<float>, log_softmax<float>, softmax_backward<float>,
                       log_softmax_backward<float>, argmax<float>};
  table.f64.softmax = {softmax<double>, log_softmax<double>, softmax_backward<double>,
                       log_softmax_backward<double>, argmax<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
