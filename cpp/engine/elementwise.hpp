// Elementwise kernels over long arrays, split over threads.
#pragma once

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"
#include "engine/streaming.hpp"

namespace fastnet {

// Runs piece(begin, end) over [0, n) on as many threads as pay, in multiples of a cache line.
// `ns_per_element`: the serial cost. Only for work whose result does not depend on the split.
template <class Piece>
void for_elements(Index n, double ns_per_element, const Piece& piece) noexcept {
  parallel_work(static_cast<double>(n) * ns_per_element * 1e-3, [&](const Team& team) {
    Index begin, end;
    team.share(n, 1024, &begin, &end);
    if (begin < end) piece(begin, end);
  });
}

// The same for piece(begin, end, stream), which makes elements [begin, end) of out of those of the
// inputs; `stream`: past the caches, from a cache line's beginning.
template <class T, class Piece>
void for_outputs(T* out, Index n, double ns_per_element, std::initializer_list<const T*> inputs,
                 const Piece& piece) noexcept {
  if (!streams(out, n, inputs)) {
    return for_elements(n, ns_per_element,
                        [&](Index begin, Index end) { piece(begin, end, false); });
  }
  const Index first = before_line(out);
  piece(0, first, false);
  for_elements(n - first, ns_per_element,
               [&](Index begin, Index end) { piece(first + begin, first + end, true); });
}

// Nanoseconds an element of T takes in cache: 0.08 where a comparison decides, else 0.4 to 0.9
// (float32; AVX-512 at 3.7 GHz), and twice that in float64.
template <class T>
double activation_cost(Activation kind) noexcept {
  const bool compares = kind == Activation::kIdentity || kind == Activation::kRelu ||
                        kind == Activation::kLeakyRelu || kind == Activation::kHardtanh;
  return (compares ? 0.08 : 0.5) * sizeof(T) / 4;
}

template <class T>
void activation_forward(const ActivationSpec& spec, const T* x, T* y, Index n) noexcept {
  const auto f = kernels().of<T>().activation.forward;
  for_outputs(y, n, activation_cost<T>(spec.kind), {x}, [&](Index begin, Index end, bool stream) {
    ActivationSpec how = spec;
    how.stream = stream;
    f(how, x + begin, y + begin, end - begin);
  });
}

template <class T>
void activation_backward(const ActivationSpec& spec, const T* dy, const T* s, T* dx,
                         Index n) noexcept {
  const auto f = kernels().of<T>().activation.backward;
  for_outputs(dx, n, activation_cost<T>(spec.kind), {dy, s},
              [&](Index begin, Index end, bool stream) {
                ActivationSpec how = spec;
                how.stream = stream;
                f(how, dy + begin, s + begin, dx + begin, end - begin);
              });
}

}  // namespace fastnet
