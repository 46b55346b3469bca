// The softmax and argmax kernels of one ISA level.
#include "kernels/lanes-inl.hpp"
#include "kernels/softmax-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Rows of at most kNarrow columns, whose lanes would not fill: so many at a time as a register has
// lanes, a register to a column, as long as there are enough. Sums go over the columns as over the
// lanes of a row, so it makes no difference. Gives how many rows are done.
template <bool kLog, class T>
FASTNET_INLINE Index narrow_rows(const T* x, Index x_row, T* y, Index y_row, Index rows, Index n) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  if (n > kNarrow) return 0;
  Index i = 0;
  for (; 2 * (rows - i) >= lanes; i += lanes, x += lanes * x_row, y += lanes * y_row) {
    const Index height = rows - i < lanes ? rows - i : lanes;
    Vec<T, 1> v[kNarrow], e[kNarrow];
    load_columns(x, x_row, height, n, v);
    Vec<T, 1> m = {minus_infinity<T>().r[0]};
    for (Index c = 0; c < n; ++c) m = max(v[c], m);
    for (Index c = 0; c < n; ++c) {
      v[c] = v[c] - m;
      e[c] = exp_negative(v[c]);
    }
    if constexpr (kLog) {
      const Vec<T, 1> log_sum = log(sum_columns(e, n));
      for (Index c = 0; c < n; ++c) v[c] = v[c] - log_sum;
    } else {
      const Vec<T, 1> scale = splat<T, 1>(T(1)) / sum_columns(e, n);
      for (Index c = 0; c < n; ++c) v[c] = e[c] * scale;
    }
    store_columns(v, y, y_row, height, n);
  }
  return i < rows ? i : rows;
}

template <class T>
void softmax(const T* x, Index x_row, T* y, Index y_row, Index rows, Index n) noexcept {
  for (Index i = narrow_rows<false>(x, x_row, y, y_row, rows, n); i < rows; ++i) {
    const T* in = x + i * x_row;
    T* out = y + i * y_row;
    // One division a row: a product with 1 / sum is half a unit in the last place less exact.
    const Vec<T> scale = splat(T(1) / exp_row<true>(in, out, n, row_max(in, n)));
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(out + c, load_at(out + c, place) * scale, place);
    });
  }
}

template <class T>
void log_softmax(const T* x, Index x_row, T* y, Index y_row, Index rows, Index n) noexcept {
  for (Index i = narrow_rows<true>(x, x_row, y, y_row, rows, n); i < rows; ++i) {
    const T* in = x + i * x_row;
    const T m = row_max(in, n);
    const Vec<T> shift = splat(m);
    const Vec<T> log_sum = splat(log_scalar(exp_row<false, T>(in, nullptr, n, m)));
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(y + i * y_row + c, (load_at(in + c, place) - shift) - log_sum, place);
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
