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

// z / 3 + z^2 / 5 + z^3 / 7 + ... for 0 <= z <= 0.04: what remains is below 2^-58. In two chains,
// of the odd and the even terms.
inline double odd_series(double z) noexcept {
  constexpr double odd[] = {1.0 / 3, 1.0 / 7, 1.0 / 11, 1.0 / 15, 1.0 / 19, 1.0 / 23};
  constexpr double even[] = {1.0 / 5, 1.0 / 9, 1.0 / 13, 1.0 / 17, 1.0 / 21, 1.0 / 25};
  const double y = z * z;
  double a = odd[5], b = even[5];
  for (int i = 4; i >= 0; --i) {
    a = a * y + odd[i];
    b = b * y + even[i];
  }
  return z * (a + z * b);
}

// 2 atanh(s) for |s| <= 0.18.
inline double twice_atanh(double s) noexcept { return 2 * s + 2 * s * odd_series(s * s); }

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
  // Taylor's series to r^13: what remains is below 2^-56.
  constexpr double inverse[] = {1.0 / 2, 1.0 / 3, 1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,
                                1.0 / 8, 1.0 / 9, 1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13};
  double sum = 1;
  for (int i = 11; i >= 0; --i) sum = 1 + sum * (r * inverse[i]);
  sum = 1 + sum * r;
  return std::ldexp(sum, k);
}

// ln k! - (k ln k - k + ln(2 pi k) / 2) for an integer k >= 1: what Stirling's formula leaves.
inline double stirling_rest(double k) noexcept {
  constexpr double first[] = {0x1.4c071bcda0a5bp-4, 0x1.52a9b923ea649p-5, 0x1.c579a268d80b3p-6,
                              0x1.54a2662fd78a9p-6, 0x1.10b4e513fcbedp-6, 0x1.c6b167bebdf36p-7,
                              0x1.85d4d612e4a86p-7, 0x1.552805e7b3076p-7, 0x1.2f4871b12ab64p-7,
                              0x1.10f9d4c0743a7p-7, 0x1.f0593088014f8p-8, 0x1.c7018733aa9c6p-8,
                              0x1.a40514700f36cp-8, 0x1.86076c002d4a7p-8, 0x1.6c08f6f194a10p-8};
  if (k < 16) return first[static_cast<int>(k) - 1];
  const double z = 1 / (k * k);
  return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188))))) / k;
}

// x ln(x / m) + m - x >= 0 for x, m > 0, without cancellation where they are close (Loader 2000,
// "Fast and accurate computation of binomial probabilities").
inline double deviance(double x, double m) noexcept {
  const double d = x - m;
  if (std::fabs(d) < 0.1 * (x + m)) {
    // With v = d / (x + m): ln(x / m) = 2 atanh(v), and d v + 2 x (v^3 / 3 + v^5 / 5 + ...).
    const double v = d / (x + m), z = v * v;
    return d * v + 2 * x * v * odd_series(z);
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
