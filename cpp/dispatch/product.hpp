// The matrix product that forward, dX and dW are made of.
#pragma once

#include <cstddef>

namespace fastnet {

// C = A B (+ bias), then relu if asked.
//   A(i, p) = a[i * a_row + p * a_k], one of a_row and a_k being 1;   i < m, p < k
//   B(p, j) = b[p * b_row + j];                                       j < n
//   C(i, j) = c[i * c_row + j]; only j < n is written.
// Every element is one chain over p = 0 .. k-1, acc = fma(A(i, p), B(p, j), acc), started from 0
// and rounded to T at each step; bias is added after it. So an element's bits depend on its row of
// A, its column of B and k alone: not on m, n, the tile, the thread or the level (on levels with
// fma).
template <class T>
struct ProductArgs {
  std::ptrdiff_t m, n, k;
  const T* a;
  std::ptrdiff_t a_row, a_k;
  const T* b;
  std::ptrdiff_t b_row;
  bool b_padded;  // each row of B may be read up to the next multiple of 64 bytes beyond column n
  T* c;
  std::ptrdiff_t c_row;
  const T* bias;  // n values, or null
  bool relu;
  T* scratch;  // kProductScratchBytes, 64-byte aligned
};

// One packed panel of B: kProductDepth rows of two 64-byte vectors.
constexpr std::ptrdiff_t kProductDepth = 1024;
constexpr std::ptrdiff_t kProductScratchBytes = kProductDepth * 128;

template <class T>
struct ProductKernels {
  void (*product)(const ProductArgs<T>& args) noexcept;
  // Up to so many columns product() turns A in registers, at the pace of as many.
  std::ptrdiff_t narrow_columns;
  // dst(j, i) = src(i, j) for i < rows, j < cols; row strides in elements.
  void (*transpose)(const T* src, std::ptrdiff_t rows, std::ptrdiff_t cols, std::ptrdiff_t src_row,
                    T* dst, std::ptrdiff_t dst_row) noexcept;
  // sum[j] = x(0, j) + x(1, j) + ..., one chain over the rows, from 0.
  void (*column_sum)(const T* x, std::ptrdiff_t rows, std::ptrdiff_t cols, std::ptrdiff_t x_row,
                     T* sum) noexcept;
};

}  // namespace fastnet
