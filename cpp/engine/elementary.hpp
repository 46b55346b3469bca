// Logarithms and densities from + - * / and square roots alone: equal bits on every machine.
//
// What a discrete law returns hangs on comparisons of these, and so must not differ between levels
// or C libraries. Errors are some units in the last place.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace fastnet {

constexpr double kLn2High = 0x1.62e42fefa38p-1,
                 kLn2Low = 0x1.ef35793c7673p-45;  // 42 bits, the rest
constexpr double kPi = 0x1.921fb54442d18p1;

// 2 atanh(s) for |s| <= 0.18: the series' next term is below 2^-60 of the first.
inline double twice_atanh(double s) noexcept {
  const double z = s * s;
  double sum = 0;
  for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * z;
  return 2 * s + 2 * s * sum;
}

// ln x for a normal x > 0: x = 2^k m with m from sqrt(1/2) to sqrt(2), ln m = 2 atanh((m - 1) / (m
// + 1)).
inline double plain_log(double x) noexcept {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  int k = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  if (m > 0x1.6a09e667f3bcdp0) {
    m /= 2;
    ++k;
  }
  return k * kLn2High + (k * kLn2Low + twice_atanh((m - 1) / (m + 1)));
}

// ln(1 + x) for x > -1.
inline double plain_log1p(double x) noexcept {
  return x > -0.28 && x < 0.4 ? twice_atanh(x / (2 + x)) : plain_log(1 + x);
}

// exp(x) for x from -700 to 0.
inline double plain_exp(double x) noexcept {
  const int k = static_cast<int>(x * 0x1.71547652b82fep0 - 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= ln(2) / 2
  double sum = 1;
  for (int i = 17; i >= 1; --i) sum = 1 + sum * r / i;
  return std::ldexp(sum, k);
}

// ln k! - (k ln k - k + ln(2 pi k) / 2) for an integer k >= 1: what Stirling's formula leaves.
inline double stirling_rest(double k) noexcept {
  // From 1 / (12 k) on; below 16 the series does not reach double precision, so it is taken at a
  // larger argument by ln k! = ln (k + j)! - ln((k + 1) ... (k + j)).
  const auto series = [](double x) {
    const double z = 1 / (x * x);
    return (1.0 / 12 -
            z * (1.0 / 360 -
                 z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360)))))) /
           x;
  };
  if (k >= 16) return series(k);
  const auto leading = [](double x) { return x * plain_log(x) - x + plain_log(x) / 2; };
  double product = 1;
  for (double i = k + 1; i <= 16; ++i) product *= i;
  return series(16) + leading(16) - plain_log(product) - leading(k);
}

// x ln(x / m) + m - x >= 0 for x, m > 0, without cancellation where they are close (Loader 2000,
// "Fast and accurate computation of binomial probabilities").
inline double deviance(double x, double m) noexcept {
  const double d = x - m;
  if (std::fabs(d) < 0.1 * (x + m)) {
    // With v = d / (x + m): ln(x / m) = 2 atanh(v), and d v + 2 x (v^3 / 3 + v^5 / 5 + ...).
    const double v = d / (x + m), z = v * v;
    double sum = 0;
    for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * z;
    return d * v + 2 * x * v * sum;
  }
  return x * plain_log(x / m) - d;
}

// ln of the probability of k events, of mean m.
inline double poisson_log_pmf(double k, double m) noexcept {
  if (k == 0) return -m;
  return -stirling_rest(k) - deviance(k, m) - plain_log(2 * kPi * k) / 2;
}

// ln of the probability of k out of n, each with probability p; q = 1 - p.
inline double binomial_log_pmf(double k, double n, double p, double q) noexcept {
  if (k == 0) return n * plain_log1p(-p);
  if (k == n) return n * plain_log(p);
  return stirling_rest(n) - stirling_rest(k) - stirling_rest(n - k) - deviance(k, n * p) -
         deviance(n - k, n * q) + plain_log(n / (2 * kPi * k * (n - k))) / 2;
}

}  // namespace fastnet
