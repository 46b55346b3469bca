// Dropout: rows of a matrix with elements set to zero at random and the others scaled.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// y(i, j) = x(i, j) * scale where the element is kept, +0 where it is dropped (also if it is NaN or
// infinite), for i < rows, j < cols. Element (i, j) is dropped where its Philox word (law kDropout
// of random.hpp: key, ticket, row first_row + i, column j) is below `threshold`, at most 2^32.
// The mask is a function of these alone, so rows can be split in any way, and the backward pass is
// the same call with dy for x. y may be x.
template <class T>
struct DropoutArgs {
  std::uint64_t key, ticket, threshold;
  T scale;
  std::ptrdiff_t first_row, rows, cols;
  const T* x;
  std::ptrdiff_t x_row;
  T* y;
  std::ptrdiff_t y_row;
};

template <class T>
struct DropoutKernels {
  void (*dropout)(const DropoutArgs<T>& args) noexcept;
};

}  // namespace fastnet
