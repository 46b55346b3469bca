// Draws discrete laws by inversion and by rejection.
#include "engine/discrete.hpp"

#include <cmath>

#include "engine/elementary.hpp"
#include "engine/elementwise.hpp"
#include "engine/words.hpp"

namespace fastnet {
namespace {

// Means from here on are drawn by rejection: Hörmann's constants hold from 10.
constexpr double kRejectionMean = 10;
// A search ends here at the latest, should the sum of probabilities stay below the uniform by
// rounding: with a mean below 10 larger numbers have a probability below 2^-140.
constexpr double kSearchEnd = 110;
// What a rejection law costs a value, in nanoseconds.
constexpr double kCost = 20;

// Two uniforms in [0, 1), of an attempt at a position.
struct Uniforms {
  double u, v;
};

// out[i] = accept(i, uniforms) for the first attempt for which that is not negative.
template <class Accept>
void draw_by_attempts(Law law, const Source& source, std::int64_t* out, Index begin, Index end,
                      const Accept& accept) noexcept {
  const std::uint64_t high = counter_high(law, source.stream << kCountBits);
  const auto uniforms = [](const std::uint32_t* words) {
    return Uniforms{unit_interval(word_of(words)), unit_interval(word_of(words + 2))};
  };
  const std::uint64_t first = source.position + static_cast<std::uint64_t>(begin);
  for_words(source.key, high, 2 * first, 2 * (end - begin),
            [&](Index w, const std::uint32_t* words, Index count) {
              for (Index l = 0; l < count; l += 2) {
                const Index i = begin + (w + l) / 2;
                std::int64_t value = accept(i, uniforms(words + 2 * l));
                for (std::uint64_t attempt = 1; value < 0; ++attempt) {
                  std::uint32_t again[4];
                  kernels().bits.blocks(source.key, high + attempt,
                                        source.position + static_cast<std::uint64_t>(i), again, 1);
                  value = accept(i, uniforms(again));
                }
                out[i] = value;
              }
            });
}

// The least k whose distribution function exceeds u, by summing probabilities: that of 0 is
// `first`, that of k is ratio(k) times the one before.
template <class Ratio>
std::int64_t search(double u, double first, double last, const Ratio& ratio) noexcept {
  double probability = first, sum = first;
  int k = 0;
  while (u >= sum && k < last) {
    ++k;
    probability *= ratio(k);
    sum += probability;
  }
  return k;
}

// The hat and the squeeze of transformed rejection: k = floor((2 a / (1/2 - |u|) + b) u + c).
struct Hat {
  double a, b, c, inner;  // accepted at once where 1/2 - |u| >= 0.07 and v <= inner
};

// k, or -1 where k is outside [0, last] or the exact test fails: v times
// scale / (a / (1/2 - |u|)^2 + b) against the probability of k.
template <class LogPmf>
std::int64_t transformed(const Hat& hat, Uniforms w, double last, double scale,
                         const LogPmf& log_pmf) noexcept {
  const double u = w.u - 0.5;
  const double edge = 0.5 - std::fabs(u);
  if (edge <= 0) return -1;
  const double k = std::floor((2 * hat.a / edge + hat.b) * u + hat.c);
  if (!(k >= 0 && k <= last)) return -1;
  if (edge >= 0.07 && w.v <= hat.inner) return static_cast<std::int64_t>(k);
  const double height = w.v * scale / (hat.a / (edge * edge) + hat.b);
  if (height > 0 && plain_log(height) > log_pmf(k)) return -1;
  return static_cast<std::int64_t>(k);
}

struct Poisson {
  double mean, first = 0, scale = 0;
  Hat hat = {};

  explicit Poisson(double m) noexcept : mean(m) {
    if (m < kRejectionMean) {
      first = plain_exp(-m);
      return;
    }
    hat.b = 0.931 + 2.53 * std::sqrt(m);
    hat.a = -0.059 + 0.02483 * hat.b;
    hat.c = m + 0.43;
    hat.inner = 0.9277 - 3.6224 / (hat.b - 2);
    scale = 1.1239 + 1.1328 / (hat.b - 3.4);
  }
  std::int64_t operator()(Uniforms w) const noexcept {
    if (mean < kRejectionMean) {
      return search(w.u, first, kSearchEnd, [&](int k) { return mean / k; });
    }
    return transformed(hat, w, 0x1.fffffffffffffp62, scale,
                       [&](double k) { return poisson_log_pmf(k, mean); });
  }
};

struct Binomial {
  double trials, p, q, odds = 0, first = 0, scale = 0;
  bool swapped;
  Hat hat = {};

  Binomial(std::int64_t n, double success) noexcept
      : trials(static_cast<double>(n)), p(success), q(1 - success), swapped(success > 0.5) {
    // Of the rarer outcome. 1 - p is exact for p >= 1/2.
    if (swapped) {
      p = q;
      q = success;
    }
    if (trials * p < kRejectionMean) {
      first = plain_exp(trials * plain_log1p(-p));
      odds = p / q;
      return;
    }
    const double deviation = std::sqrt(trials * p * q);
    hat.b = 1.15 + 2.53 * deviation;
    hat.a = -0.0873 + 0.0248 * hat.b + 0.01 * p;
    hat.c = trials * p + 0.5;
    hat.inner = 0.92 - 4.2 / hat.b;
    scale = (2.83 + 5.1 / hat.b) * deviation;
    // The hat is over the probabilities relative to that of the mode.
    const double mode = std::floor((trials + 1) * p);
    scale *= plain_exp(binomial_log_pmf(mode, trials, p, q));
  }
  std::int64_t operator()(Uniforms w) const noexcept {
    const std::int64_t k = rarer(w);
    return k >= 0 && swapped ? static_cast<std::int64_t>(trials) - k : k;
  }

 private:
  std::int64_t rarer(Uniforms w) const noexcept {
    if (trials * p < kRejectionMean) {
      const double last = trials < kSearchEnd ? trials : kSearchEnd;
      return search(w.u, first, last, [&](int k) { return (trials - k + 1) / k * odds; });
    }
    return transformed(hat, w, trials, scale,
                       [&](double k) { return binomial_log_pmf(k, trials, p, q); });
  }
};

struct Geometric {
  double rate;  // -ln(1 - p); 0 where p = 1

  explicit Geometric(double p) noexcept : rate(p < 1 ? -plain_log1p(-p) : 0) {}
  std::int64_t operator()(Uniforms w) const noexcept {
    if (rate == 0) return 1;
    const double k = std::floor(-plain_log(w.u + 0x1p-54) / rate);
    return k < 0x1p63 - 0x1p10 ? static_cast<std::int64_t>(k) + 1 : INT64_MAX;
  }
};

// The law at i: made once where all parameters are the same.
template <class Make>
void draw_each(Law law, bool same, const Source& source, std::int64_t* out, Index n,
               const Make& make) noexcept {
  if (n == 0) return;
  const auto shared = make(0);
  for_elements(n, kCost, [&](Index begin, Index end) {
    draw_by_attempts(law, source, out, begin, end,
                     [&](Index i, Uniforms w) { return same ? shared(w) : make(i)(w); });
  });
}

}  // namespace

void sample_poisson(Column<double> mean, const Source& source, std::int64_t* out,
                    Index n) noexcept {
  draw_each(Law::kPoisson, mean.step == 0, source, out, n,
            [&](Index i) { return Poisson(mean[i]); });
}

void sample_binomial(Column<std::int64_t> trials, Column<double> p, const Source& source,
                     std::int64_t* out, Index n) noexcept {
  draw_each(Law::kBinomial, trials.step == 0 && p.step == 0, source, out, n,
            [&](Index i) { return Binomial(trials[i], p[i]); });
}

void sample_geometric(Column<double> p, const Source& source, std::int64_t* out, Index n) noexcept {
  draw_each(Law::kGeometric, p.step == 0, source, out, n, [&](Index i) { return Geometric(p[i]); });
}

}  // namespace fastnet
