// Elementwise kernels over long arrays, split over threads.
#pragma once

#include "core/threads.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// Runs piece(begin, end) over [0, n) on as many threads as pay, in multiples of a cache line.
// `ns_per_element`: the serial cost. Only for work whose result does not depend on the split.
template <class Piece>
void for_elements(Index n, double ns_per_element, const Piece& piece) noexcept {
  parallel(threads_for(static_cast<double>(n) * ns_per_element * 1e-3), [&](const Team& team) {
    Index begin, end;
    team.share(n, 1024, &begin, &end);
    if (begin < end) piece(begin, end);
  });
}

template <class T>
void activation_forward(const ActivationSpec& spec, const T* x, T* y, Index n) noexcept {
  const auto f = kernels().of<T>().activation.forward;
  for_elements(n, 0.5, [&](Index begin, Index end) { f(spec, x + begin, y + begin, end - begin); });
}

template <class T>
void activation_backward(const ActivationSpec& spec, const T* dy, const T* s, T* dx,
                         Index n) noexcept {
  const auto f = kernels().of<T>().activation.backward;
  for_elements(n, 0.5, [&](Index begin, Index end) {
    f(spec, dy + begin, s + begin, dx + begin, end - begin);
  });
}

}  // namespace fastnet
