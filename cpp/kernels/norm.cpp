// The normalisation kernels of one ISA level.
#include "kernels/norm-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// ---- layer norm: statistics of each row ----

template <class T>
struct RowStatistics {
  Vec<T> mean, rstd;  // in every lane
};

template <class T>
FASTNET_INLINE RowStatistics<T> row_statistics(const T* x, Index n, T eps) {
  const T count = static_cast<T>(n);
  RowSum<T> sum;
  along_row<T>(n,
               [&](Index c, auto place) FASTNET_INLINE_LAMBDA { sum.add(load_at(x + c, place)); });
  const Vec<T> first = splat(sum.value() / count);
  RowSum<T> rest, squares;
  along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    const Vec<T> d = only_at(load_at(x + c, place) - first, place);
    rest.add(d);
    squares.add(d * d);
  });
  const Vec<T> total = splat(rest.value()), shift = total / splat(count);
  const Vec<T> m2 = squares_around_mean(total, splat(squares.value()), shift);
  return {first + shift, inverse_std(m2 / splat(count), splat(eps))};
}

template <class T>
void layer_norm(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  for (Index i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    const RowStatistics<T> s = row_statistics(x, a.n, a.eps);
    store_partial(a.mean + i, s.mean, 1);
    store_partial(a.rstd + i, s.rstd, 1);
    if (!a.out) continue;
    T* y = a.out + i * a.out_row;
    along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> xhat = (load_at(x + c, place) - s.mean) * s.rstd;
      store_at(y + c, scaled_and_shifted(a, xhat, c, place), place);
    });
  }
}

template <class T>
void layer_norm_backward(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  for (Index i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    const T* dy = a.dy + i * a.dy_row;
    T* dx = a.out + i * a.out_row;
    const Vec<T> mean = splat(a.mean[i]), rstd = splat(a.rstd[i]);
    const auto g_at = [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      return load_at(dy + c, place) * load_or(a.weight, c, place, T(1));
    };
    const auto xhat_at = [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      return (load_at(x + c, place) - mean) * rstd;
    };
    RowSum<T> sum, product;
    along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> g = g_at(c, place);
      sum.add(g);
      product.add(only_at(g * xhat_at(c, place), place));
    });
    const T count = static_cast<T>(a.n);
    const Vec<T> mean_g = splat(sum.value() / count), mean_gx = splat(product.value() / count);
    along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> d = fma(-xhat_at(c, place), mean_gx, g_at(c, place) - mean_g);
      store_at(dx + c, d * rstd, place);
    });
  }
}

template <class T>
void layer_norm_sums(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  gradient_sums(
      a, [&](Index i, Index, auto) FASTNET_INLINE_LAMBDA { return splat(a.mean[i]); },
      [&](Index i, Index, auto) FASTNET_INLINE_LAMBDA { return splat(a.rstd[i]); });
}

// ---- batch norm: statistics of each column ----

template <class T>
void batch_statistics(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  const Vec<T> count = splat(static_cast<T>(a.rows));
  const Vec<T> unbiased = splat(static_cast<T>(a.rows - 1));
  const Vec<T> fresh = splat(a.momentum), old = splat(T(1) - a.momentum), eps = splat(a.eps);
  for_panels<T>(a.n, [&](Index first, Index columns) FASTNET_INLINE_LAMBDA {
    const T* x = a.x + first;
    PanelSums<T, 1> sum;
    sum_down<T, 1>(a.rows, columns, sum,
                   [&](Index i, Index c, auto place, Vec<T>* t)
                       FASTNET_INLINE_LAMBDA { t[0] = load_at(x + i * a.x_row + c, place); });
    T* first_mean = sum.total[0];
    for (Index c = 0; c < columns; c += Vec<T>::kLanes)
      store(first_mean + c, load(first_mean + c) / count);
    PanelSums<T, 2> around;
    sum_down<T, 2>(a.rows, columns, around,
                   [&](Index i, Index c, auto place, Vec<T>* t) FASTNET_INLINE_LAMBDA {
                     t[0] = load_at(x + i * a.x_row + c, place) - load(first_mean + c);
                     t[1] = t[0] * t[0];
                   });
    along_row<T>(columns, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> total = load(around.total[0] + c), shift = total / count;
      const Vec<T> mean = load(first_mean + c) + shift;
      const Vec<T> m2 = squares_around_mean(total, load(around.total[1] + c), shift);
      store_at(a.mean + first + c, mean, place);
      store_at(a.rstd + first + c, inverse_std(m2 / count, eps), place);
      if (a.running_mean) {
        T* to = a.running_mean + first + c;
        store_at(to, fma(fresh, mean, old * load_at(to, place)), place);
      }
      if (a.running_var) {
        T* to = a.running_var + first + c;
        store_at(to, fma(fresh, m2 / unbiased, old * load_at(to, place)), place);
      }
    });
  });
}

template <class T>
void batch_running_rstd(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    store_at(a.rstd + c, inverse_std(load_at(a.running_var + c, place), splat(a.eps)), place);
  });
}

template <class T>
void batch_norm(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  for (Index i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    T* y = a.out + i * a.out_row;
    along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> d = load_at(x + c, place) - load_at(a.mean + c, place);
      const Vec<T> xhat = d * load_at(a.rstd + c, place);
      store_at(y + c, scaled_and_shifted(a, xhat, c, place), place);
    });
  }
}

template <class T>
void batch_norm_sums(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  gradient_sums(
      a, [&](Index, Index c, auto p) FASTNET_INLINE_LAMBDA { return load_at(a.mean + c, p); },
      [&](Index, Index c, auto p) FASTNET_INLINE_LAMBDA { return load_at(a.rstd + c, p); });
}

template <class T>
void batch_norm_backward(const NormArgs<T>& args) noexcept {
  const NormArgs<T> a = args;
  const Vec<T> share = splat(T(1) / static_cast<T>(a.batch));
  for (Index i = 0; i < a.rows; ++i) {
    const T* x = a.x + i * a.x_row;
    const T* dy = a.dy + i * a.dy_row;
    T* dx = a.out + i * a.out_row;
    along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> rstd = load_at(a.rstd + c, place);
      Vec<T> d = load_at(dy + c, place);
      if (a.batch > 0) {
        const Vec<T> xhat = (load_at(x + c, place) - load_at(a.mean + c, place)) * rstd;
        d = fma(-share, load_at(a.dbias + c, place), d);
        d = fma(-xhat, share * load_at(a.dweight + c, place), d);
      }
      store_at(dx + c, d * (rstd * load_or(a.weight, c, place, T(1))), place);
    });
  }
}

template <class T>
constexpr NormKernels<T> norm_kernels() {
  return {layer_norm<T>,       layer_norm_backward<T>, layer_norm_sums<T>,
          batch_statistics<T>, batch_running_rstd<T>,  batch_norm<T>,
          batch_norm_sums<T>,  batch_norm_backward<T>};
}

}  // namespace

void fill_norm(Kernels& table) noexcept {
  table.f32.norm = norm_kernels<float>();
  table.f64.norm = norm_kernels<double>();
}

}  // namespace fastnet::FASTNET_LEVEL
