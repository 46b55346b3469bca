// Kernels along rows, split over threads by rows.
//
// The costs are those of float32 on one core of a Zen 4 with AVX-512: rows of 10 and of 1000.
#pragma once

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"
#include "engine/streaming.hpp"

namespace fastnet {

// Runs piece(begin, end) over [0, rows) on as many threads as pay, for rows of n elements that take
// `ns_per_row` + n * `ns_per_element` on one.
template <class Piece>
void for_rows(Index rows, Index n, double ns_per_row, double ns_per_element,
              const Piece& piece) noexcept {
  const double ns =
      static_cast<double>(rows) * (ns_per_row + static_cast<double>(n) * ns_per_element);
  parallel_work(ns * 1e-3, [&](const Team& team) {
    Index begin, end;
    team.share(rows, 1, &begin, &end);
    if (begin < end) piece(begin, end);
  });
}

// The same for fill(begin, end, to), which writes rows [begin, end) of out to `to`; `inputs`: the
// arrays it makes them from.
template <class T, class Fill>
void fill_rows(T* out, Index rows, Index n, double ns_per_row, double ns_per_element,
               std::initializer_list<const T*> inputs, const Fill& fill) noexcept {
  const bool stream = n * Index(sizeof(T)) <= kStreamTile && streams(out, rows * n, inputs);
  for_rows(rows, n, ns_per_row, ns_per_element, [&](Index begin, Index end) {
    if (stream) return stream_rows(out, n, begin, end, inputs, fill);
    fill(begin, end, out + begin * n);
  });
}

// Softmax takes so much a row and so much an element of it.
constexpr double kSoftmaxRowNanoseconds = 12.0, kSoftmaxNanoseconds = 0.4;

// Contiguous rows; `log`: log_softmax. See SoftmaxKernels.
template <class T>
void softmax_forward(bool log, const T* x, T* y, Index rows, Index n) noexcept {
  const auto& table = kernels().of<T>().softmax;
  const auto kernel = log ? table.log_softmax : table.softmax;
  fill_rows(
      y, rows, n, kSoftmaxRowNanoseconds, kSoftmaxNanoseconds, {x},
      [&](Index begin, Index end, T* to) { kernel(x + begin * n, n, to, n, end - begin, n); });
}

template <class T>
void softmax_backward(bool log, const T* dy, const T* y, T* dx, Index rows, Index n) noexcept {
  const auto& table = kernels().of<T>().softmax;
  const auto kernel = log ? table.log_softmax_backward : table.softmax_backward;
  fill_rows(dx, rows, n, kSoftmaxRowNanoseconds, kSoftmaxNanoseconds, {dy, y},
            [&](Index begin, Index end, T* to) {
              kernel(dy + begin * n, y + begin * n, to, end - begin, n);
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
