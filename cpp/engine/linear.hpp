// The linear layer: Y = act(X W + b) and its gradients, on a team of threads.
#pragma once

#include "core/buffer.hpp"
#include "dispatch/activation.hpp"
#include "dispatch/kernels.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// A matrix in memory: element (i, j) at data[i * row + j * col], row or col being 1.
template <class T>
struct Operand {
  const T* data;
  Index row, col;
};

// Y(i, j) = act(sum over p of X(i, p) W(p, j), then + bias(j));   X (m, k), W (k, n), Y (m, n).
// The sum is ProductArgs' chain. Y is row-major with rows `y_row` apart. `w_padded`: W has col 1
// and its rows may be read up to the next multiple of 64 bytes.
template <class T>
void linear_forward(Index m, Index n, Index k, Operand<T> x, Operand<T> w, bool w_padded,
                    const T* bias, const ActivationSpec& act, T* y, Index y_row);

// dX(i, p) = sum over j of dY(i, j) W(p, j): a chain over j.
template <class T>
void linear_backward_x(Index m, Index n, Index k, Operand<T> dy, Operand<T> w, T* dx, Index dx_row);

// The same on the calling thread, for W that lies by rows `w_stride` apart. Either W is transposed
// or dY and dX are, what has fewer elements; then W is read as it lies and lanes are rows of the
// batch. `scratch` has input_gradient_elements and begins on a cache line.
template <class T>
void input_gradient(const Kernels& table, Index m, Index n, Index k, const T* dy, Index dy_row,
                    const T* w, Index w_stride, T* dx, Index dx_row, T* scratch) noexcept;

// Rows of the batch that it takes at a time: 4 or 8 registers, the transposed rows of a layer of
// 1000 features stay in L2.
constexpr Index kGradientRows = 64;
constexpr Index input_gradient_elements(Index n, Index k) { return (n + k) * kGradientRows; }

// dW(p, j) = sum over i of X(i, p) dY(i, j), a chain over the rows of the batch; rows of dW are
// `dw_row` apart. db(j) = sum over i of dY(i, j), likewise. Either may be null.
template <class T>
void linear_backward_w(Index m, Index n, Index k, Operand<T> dy, Operand<T> x, T* dw, Index dw_row,
                       T* db);

}  // namespace fastnet
