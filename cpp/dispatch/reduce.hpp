// Sums of long arrays in double precision.
#pragma once

#include <cstddef>

namespace fastnet {

// Elements summed as one piece: element i of a piece goes to lane i % 8 of accumulator i / 8 % 4.
constexpr std::ptrdiff_t kSumBlock = 4096;

template <class T>
struct ReduceKernels {
  // The sum of x[0 .. n) in double: pieces of kSumBlock elements, each over 4 accumulators of 8
  // lanes and one fixed tree; the pieces' sums are added in order. 0 for n = 0.
  double (*sum)(const T* x, std::ptrdiff_t n) noexcept;
  // The sum of x[i]^2 likewise: for norms of gradients.
  double (*sum_squares)(const T* x, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
