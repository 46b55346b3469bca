// Discrete laws by rejection and by logarithms.
//
// What these return hangs on comparisons, and so they are made of + - * / and square roots alone:
// equal bits at every level, also without fma.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// exp for x from -700 to 0; ln for normal x > 0; ln(1 + x) for x > -1. Errors are some units in the
// last place.
enum class PlainFunction : int { kExp, kLog, kLog1p, kCount };

struct DiscreteKernels {
  // y[i] = f(x[i]) for i < n; y may equal x.
  void (*plain)(PlainFunction f, const double* x, double* y, std::ptrdiff_t n) noexcept;
  // Hörmann's transformed rejection from the uniforms u[i] and v[i] in [0, 1): out[i] = the number,
  // or -1 where the attempt is rejected. Of mean[i step] >= 10, n > 0.
  void (*poisson)(const double* u, const double* v, const double* mean, std::ptrdiff_t step,
                  std::int64_t* out, std::ptrdiff_t n) noexcept;
  // Likewise of whole trials[i step], each with probability p[i step] <= 1/2 and its complement
  // q[i step], trials p >= 10, n > 0.
  void (*binomial)(const double* u, const double* v, const double* trials, const double* p,
                   const double* q, std::ptrdiff_t step, std::int64_t* out,
                   std::ptrdiff_t n) noexcept;
  // out[i] = floor(-ln(u[i] + 2^-54) / rate[i step]) + 1, at most 2^63 - 1; 1 where the rate is 0.
  void (*geometric)(const double* u, const double* rate, std::ptrdiff_t step, std::int64_t* out,
                    std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
