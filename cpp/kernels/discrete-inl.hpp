// Logarithms and probabilities from + - * / and square roots alone: equal bits at every level.
//
// No fma, and none made by the compiler. Errors are some units in the last place.
#pragma once

#include "dispatch/discrete.hpp"
#include "kernels/math-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

using Doubles = Vec<double, 1>;
using Where = Mask<double, 1>;

FASTNET_INLINE Doubles all(double x) { return splat<double, 1>(x); }
FASTNET_INLINE Doubles operator*(double a, Doubles b) { return all(a) * b; }
FASTNET_INLINE Doubles operator/(double a, Doubles b) { return all(a) / b; }
FASTNET_INLINE Doubles operator+(double a, Doubles b) { return all(a) + b; }
FASTNET_INLINE Doubles operator-(double a, Doubles b) { return all(a) - b; }
FASTNET_INLINE Doubles operator*(Doubles a, double b) { return a * all(b); }
FASTNET_INLINE Doubles operator/(Doubles a, double b) { return a / all(b); }
FASTNET_INLINE Doubles operator+(Doubles a, double b) { return a + all(b); }
FASTNET_INLINE Doubles operator-(Doubles a, double b) { return a - all(b); }

constexpr double kPi = 0x1.921fb54442d18p1;

// The largest integer that is at most x; NaN for NaN.
FASTNET_INLINE Doubles floor(Doubles x) {
  const Doubles whole = copysign(all(0x1p52), x);  // beyond it all numbers are integers
  const Doubles near = (x + whole) - whole;
  const Doubles below = select(greater(near, x), near - 1.0, near);
  return select(less(abs(x), all(0x1p52)), below, x);
}

// z / 3 + z^2 / 5 + z^3 / 7 + ... for 0 <= z <= 0.04: what remains is below 2^-58. In two chains,
// of the odd and the even terms.
FASTNET_INLINE Doubles odd_series(Doubles z) {
  constexpr double odd[] = {1.0 / 3, 1.0 / 7, 1.0 / 11, 1.0 / 15, 1.0 / 19, 1.0 / 23};
  constexpr double even[] = {1.0 / 5, 1.0 / 9, 1.0 / 13, 1.0 / 17, 1.0 / 21, 1.0 / 25};
  const Doubles y = z * z;
  Doubles a = all(odd[5]), b = all(even[5]);
#pragma GCC unroll 5
  for (int i = 4; i >= 0; --i) {
    a = a * y + odd[i];
    b = b * y + even[i];
  }
  return z * (a + z * b);
}

// 2 atanh(s) for |s| <= 0.18.
FASTNET_INLINE Doubles twice_atanh(Doubles s) { return 2.0 * s + 2.0 * s * odd_series(s * s); }

// ln x for a normal x > 0: x = 2^k m with m from sqrt(1/2) to sqrt(2), ln m = 2 atanh((m - 1) / (m
// + 1)).
FASTNET_INLINE Doubles plain_log(Doubles x) {
  using C = MathConstants<double>;
  using Words = Vec<std::uint64_t, 1>;
  const auto word = [](std::uint64_t w)
                        FASTNET_INLINE_LAMBDA { return splat<std::uint64_t, 1>(w); };
  const Words bits = bitcast<std::uint64_t>(x);
  // The exponent as the low bits of 2^52 + exponent.
  const Doubles exponent =
      bitcast<double>(shift_right<52>(bits) | word(0x4330000000000000u)) - (0x1p52 + 1023);
  const Doubles m =
      bitcast<double>((bits & word(0xfffffffffffffu)) | word(FloatFormat<double>::kOne));
  const Where large = greater(m, all(0x1.6a09e667f3bcdp0));
  const Doubles half = select(large, m * 0.5, m);
  const Doubles k = select(large, exponent + 1.0, exponent);
  return k * C::kLn2High + (k * C::kLn2Low + twice_atanh((half - 1.0) / (half + 1.0)));
}

// ln(1 + x) for x > -1.
FASTNET_INLINE Doubles plain_log1p(Doubles x) {
  return select(greater(x, all(-0.28)) & less(x, all(0.4)), twice_atanh(x / (2.0 + x)),
                plain_log(1.0 + x));
}

// exp(x) for x from -700 to 0.
FASTNET_INLINE Doubles plain_exp(Doubles x) {
  using C = MathConstants<double>;
  // Toward zero, which is upward.
  const Doubles k = -floor(0.5 - x * C::kLog2e);
  const Doubles r = (x - k * C::kLn2High) - k * C::kLn2Low;  // |r| <= ln(2) / 2
  // Taylor's series to r^13: what remains is below 2^-56.
  constexpr double inverse[] = {1.0 / 2, 1.0 / 3, 1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,
                                1.0 / 8, 1.0 / 9, 1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13};
  Doubles sum = all(1);
#pragma GCC unroll 12
  for (int i = 11; i >= 0; --i) sum = 1.0 + sum * (r * inverse[i]);
  sum = 1.0 + sum * r;
  return scaled(sum, power_of_two(k));
}

// ln k! - (k ln k - k + ln(2 pi k) / 2) for an integer k >= 1: what Stirling's formula leaves.
FASTNET_INLINE Doubles stirling_rest(Doubles k) {
  constexpr int lanes = Doubles::kLanes;
  constexpr double first[] = {0x1.4c071bcda0a5bp-4, 0x1.52a9b923ea649p-5, 0x1.c579a268d80b3p-6,
                              0x1.54a2662fd78a9p-6, 0x1.10b4e513fcbedp-6, 0x1.c6b167bebdf36p-7,
                              0x1.85d4d612e4a86p-7, 0x1.552805e7b3076p-7, 0x1.2f4871b12ab64p-7,
                              0x1.10f9d4c0743a7p-7, 0x1.f0593088014f8p-8, 0x1.c7018733aa9c6p-8,
                              0x1.a40514700f36cp-8, 0x1.86076c002d4a7p-8, 0x1.6c08f6f194a10p-8};
  const Doubles z = 1.0 / (k * k);
  const Doubles rest =
      (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188))))) / k;
  const Where few = less(k, all(16));
  if (!any(few)) return rest;
  double number[lanes], value[lanes];
  store(number, max(min(k, all(15)), all(1)));  // 15 of NaN
#pragma GCC unroll 8
  for (int l = 0; l < lanes; ++l) value[l] = first[static_cast<int>(number[l]) - 1];
  return select(few, load<double, 1>(value), rest);
}

// x ln(x / m) + m - x >= 0 for x, m > 0, without cancellation where they are close (Loader 2000,
// "Fast and accurate computation of binomial probabilities").
FASTNET_INLINE Doubles deviance(Doubles x, Doubles m) {
  const Doubles d = x - m;
  const Where near = less(abs(d), 0.1 * (x + m));
  // With v = d / (x + m): ln(x / m) = 2 atanh(v), and d v + 2 x (v^3 / 3 + v^5 / 5 + ...).
  const Doubles v = d / (x + m), z = v * v;
  const Doubles close = d * v + 2.0 * x * v * odd_series(z);
  return any(~near) ? select(near, close, x * plain_log(x / m) - d) : close;
}

// ln of the probability of k events, of mean m.
FASTNET_INLINE Doubles poisson_log_pmf(Doubles k, Doubles m) {
  const Doubles positive = -stirling_rest(k) - deviance(k, m) - plain_log(2 * kPi * k) / 2.0;
  return select(equal(k, all(0)), -m, positive);
}

// ln of the probability of k out of n, each with probability p; q = 1 - p.
FASTNET_INLINE Doubles binomial_log_pmf(Doubles k, Doubles n, Doubles p, Doubles q) {
  const Doubles inner = stirling_rest(n) - stirling_rest(k) - stirling_rest(n - k) -
                        deviance(k, n * p) - deviance(n - k, n * q) +
                        plain_log(n / (2 * kPi * k * (n - k))) / 2.0;
  const Where none = equal(k, all(0)), every = equal(k, n);
  if (!any(none | every)) return inner;
  return select(none, n * plain_log1p(-p), select(every, n * plain_log(p), inner));
}

// ---- transformed rejection (Hörmann 1993) ----

// The hat and the squeeze: k = floor((2 a / (1/2 - |u|) + b) u + c), accepted at once where 1/2 -
// |u| >= 0.07 and v <= inner.
struct Hat {
  Doubles a, b, c, inner, scale;
};

FASTNET_INLINE Hat poisson_hat(Doubles mean) {
  const Doubles b = 0.931 + 2.53 * sqrt(mean);
  return {-0.059 + 0.02483 * b, b, mean + 0.43, 0.9277 - 3.6224 / (b - 2.0),
          1.1239 + 1.1328 / (b - 3.4)};
}

FASTNET_INLINE Hat binomial_hat(Doubles trials, Doubles p, Doubles q) {
  const Doubles deviation = sqrt(trials * p * q);
  const Doubles b = 1.15 + 2.53 * deviation;
  // The hat is over the probabilities relative to that of the mode.
  const Doubles mode = floor((trials + 1.0) * p);
  return {-0.0873 + 0.0248 * b + 0.01 * p, b, trials * p + 0.5, 0.92 - 4.2 / b,
          (2.83 + 5.1 / b) * deviation * plain_exp(binomial_log_pmf(mode, trials, p, q))};
}

// k, or -1 where k is outside [0, last] or the exact test fails: v times
// scale / (a / (1/2 - |u|)^2 + b) against the probability of k.
template <class LogPmf>
FASTNET_INLINE Doubles transformed(const Hat& hat, Doubles uniform, Doubles v, Doubles last,
                                   LogPmf log_pmf) {
  const Doubles none = all(0), u = uniform - 0.5;
  const Doubles edge = 0.5 - abs(u);
  const Doubles k = floor((2.0 * hat.a / edge + hat.b) * u + hat.c);
  const Where inside = greater(edge, none) & greater_equal(k, none) & less_equal(k, last);
  const Where quick = greater_equal(edge, all(0.07)) & less_equal(v, hat.inner);
  Where accepted = inside & quick;
  const Where open = inside & ~quick;
  if (any(open)) {
    const Doubles height = v * hat.scale / (hat.a / (edge * edge) + hat.b);
    const Where fails = greater(height, none) & greater(plain_log(height), log_pmf(k));
    accepted = accepted | (open & ~fails);
  }
  return select(accepted, k, all(-1));
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
