// Softmax, log-softmax and argmax along rows.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// Rows have `n` contiguous elements and lie the given distances apart. Sums run over the logical
// vector's lanes (lane l takes columns l, l + lanes, ...), 16 vectors to a block, block sums in
// order, then one fixed tree: a row's bits do not depend on the other rows, nor on the ISA level.
template <class T>
struct SoftmaxKernels {
  // y = exp(x - max) / sum(exp(x - max)); finite for any finite x. A NaN, a +inf, or -inf
  // everywhere makes the whole row NaN. y may equal x if the distances agree.
  void (*softmax)(const T* x, std::ptrdiff_t x_row, T* y, std::ptrdiff_t y_row, std::ptrdiff_t rows,
                  std::ptrdiff_t n) noexcept;
  // y = (x - max) - log(sum(exp(x - max))); likewise.
  void (*log_softmax)(const T* x, std::ptrdiff_t x_row, T* y, std::ptrdiff_t y_row,
                      std::ptrdiff_t rows, std::ptrdiff_t n) noexcept;
  // dx = y (dy - sum(dy y)) from softmax's output y, contiguous rows; dx may equal dy or y.
  void (*softmax_backward)(const T* dy, const T* y, T* dx, std::ptrdiff_t rows,
                           std::ptrdiff_t n) noexcept;
  // dx = dy - exp(y) sum(dy) from log_softmax's output y, likewise.
  void (*log_softmax_backward)(const T* dy, const T* y, T* dx, std::ptrdiff_t rows,
                               std::ptrdiff_t n) noexcept;
  // index[i] = column of the first maximum of row i, the first NaN counting as the maximum. n >= 1.
  void (*argmax)(const T* x, std::ptrdiff_t x_row, std::int64_t* index, std::ptrdiff_t rows,
                 std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
