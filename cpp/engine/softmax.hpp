// Kernels along rows, split over threads by rows.
//
// The costs are those of float32 on one core of a Zen 4 with AVX-512: rows of 10 and of 1000.
#pragma once

#include "core/threads.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// Runs piece(begin, end) over [0, rows) on as many threads as pay, for rows of n elements that take
// `ns_per_row` + n * `ns_per_element` on one.
template <class Piece>
void for_rows(Index rows, Index n, double ns_per_row, double ns_per_element,
              const Piece& piece) noexcept {
  const double ns =
      static_cast<double>(rows) * (ns_per_row + static_cast<double>(n) * ns_per_element);
  parallel(threads_for(ns * 1e-3), [&](const Team& team) {
    Index begin, end;
    team.share(rows, 1, &begin, &end);
    if (begin < end) piece(begin, end);
  });
}

// Contiguous rows; `log`: log_softmax. See SoftmaxKernels.
template <class T>
void softmax_forward(bool log, const T* x, T* y, Index rows, Index n) noexcept {
  const auto& table = kernels().of<T>().softmax;
  const auto kernel = log ? table.log_softmax : table.softmax;
  for_rows(rows, n, 12.0, 0.4, [&](Index begin, Index end) {
    kernel(x + begin * n, n, y + begin * n, n, end - begin, n);
  });
}

template <class T>
void softmax_backward(bool log, const T* dy, const T* y, T* dx, Index rows, Index n) noexcept {
  const auto& table = kernels().of<T>().softmax;
  const auto kernel = log ? table.log_softmax_backward : table.softmax_backward;
  for_rows(rows, n, 12.0, 0.4, [&](Index begin, Index end) {
    kernel(dy + begin * n, y + begin * n, dx + begin * n, end - begin, n);
  });
}

template <class T>
void argmax_rows(const T* x, std::int64_t* index, Index rows, Index n) noexcept {
  const auto kernel = kernels().of<T>().softmax.argmax;
  for_rows(rows, n, 6.0, 0.1, [&](Index begin, Index end) {
    kernel(x + begin * n, n, index + begin, end - begin, n);
  });
}

}  // namespace fastnet
