// The kernels of discrete laws of one ISA level.
#include "kernels/discrete-inl.hpp"
#include "kernels/map-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

void plain(PlainFunction f, const double* x, double* y, Index n) noexcept {
  switch (f) {
    case PlainFunction::kExp:
      return map(x, y, n, [](Doubles v) { return plain_exp(v); });
    case PlainFunction::kLog:
      return map(x, y, n, [](Doubles v) { return plain_log(v); });
    case PlainFunction::kLog1p:
      return map(x, y, n, [](Doubles v) { return plain_log1p(v); });
    case PlainFunction::kCount:
      return;
  }
}

// A law's parameter for the values i, i + 1, ... of which there are n.
FASTNET_INLINE Doubles parameter(const double* values, Index step, Index i, Index n) {
  return step == 0 ? all(values[0]) : load_partial<double, 1>(values + i, n - i);
}

// Calls number(i, u, v) for the uniforms of a register's values and writes what it gives, and
// kMore.
template <int kMore, class Number>
FASTNET_INLINE void each(const double* u, const double* v, std::int64_t* out, Index n,
                         Number number) {
  constexpr Index lanes = Doubles::kLanes;
  for (Index i = 0; i < n; i += lanes) {
    double values[lanes];
    store(values,
          number(i, load_partial<double, 1>(u + i, n - i), load_partial<double, 1>(v + i, n - i)));
    const Index count = n - i < lanes ? n - i : lanes;
    for (Index l = 0; l < count; ++l) {
      const bool fits = values[l] < 0x1p63 - 0x1p10;
      out[i + l] = fits ? static_cast<std::int64_t>(values[l]) + kMore : INT64_MAX;
    }
  }
}

void poisson(const double* u, const double* v, const double* mean, Index step, std::int64_t* out,
             Index n) noexcept {
  const Hat shared = poisson_hat(all(mean[0]));
  each<0>(u, v, out, n, [&](Index i, Doubles a, Doubles b) FASTNET_INLINE_LAMBDA {
    const Doubles m = parameter(mean, step, i, n);
    return transformed(step == 0 ? shared : poisson_hat(m), a, b, all(0x1.fffffffffffffp62),
                       [&](Doubles k) FASTNET_INLINE_LAMBDA { return poisson_log_pmf(k, m); });
  });
}

void binomial(const double* u, const double* v, const double* trials, const double* p,
              const double* q, Index step, std::int64_t* out, Index n) noexcept {
  const Hat shared = binomial_hat(all(trials[0]), all(p[0]), all(q[0]));
  each<0>(u, v, out, n, [&](Index i, Doubles a, Doubles b) FASTNET_INLINE_LAMBDA {
    const Doubles number = parameter(trials, step, i, n), chance = parameter(p, step, i, n),
                  rest = parameter(q, step, i, n);
    return transformed(
        step == 0 ? shared : binomial_hat(number, chance, rest), a, b, number,
        [&](Doubles k) FASTNET_INLINE_LAMBDA { return binomial_log_pmf(k, number, chance, rest); });
  });
}

void geometric(const double* u, const double* rate, Index step, std::int64_t* out,
               Index n) noexcept {
  each<1>(u, u, out, n, [&](Index i, Doubles a, Doubles) FASTNET_INLINE_LAMBDA {
    const Doubles r = parameter(rate, step, i, n);
    const Doubles k = floor(-plain_log(a + 0x1p-54) / r);
    return select(equal(r, all(0)), all(0), k);
  });
}

}  // namespace

void fill_discrete(Kernels& table) noexcept {
  table.discrete = {plain, poisson, binomial, geometric};
}

}  // namespace fastnet::FASTNET_LEVEL
