// Sums whose bits depend on the data alone.
#pragma once

#include "dispatch/dispatch.hpp"

namespace fastnet {

// The sum of x[0 .. n) in double precision, always in the order of ReduceKernels::sum.
template <class T>
double sum(const T* x, std::ptrdiff_t n) noexcept {
  return kernels().of<T>().reduce.sum(x, n);
}

// The sum of squares likewise.
template <class T>
double sum_squares(const T* x, std::ptrdiff_t n) noexcept {
  return kernels().of<T>().reduce.sum_squares(x, n);
}

}  // namespace fastnet
