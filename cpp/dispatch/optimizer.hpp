// One step of an optimizer, elementwise over flat buffers.
#pragma once

#include <cstddef>

namespace fastnet {

enum class Optimizer : int { kSgd, kAdam };

// A step's scalars, computed in double once and rounded to T (engine/optimizer.hpp makes them).
//
// Both begin with g' = scale g, then g' += weight_decay w where that is not 0.
//
// kSgd, with b the momentum's buffer (state1):
//   b = g' if first, else momentum b + keep g'     (none of this if momentum is 0)
//   w += step (g' + momentum b if nesterov, else b; g' if momentum is 0)
// kAdam, with m and v the moments (state1, state2):
//   w *= decay                                      (where that is not 1)
//   m += lerp (g' - m)
//   v = beta2 v + keep g'^2
//   w += step m / (unbias sqrt(v) + eps)
template <class T>
struct OptimizerSpec {
  Optimizer kind = Optimizer::kSgd;
  bool nesterov = false;
  bool first = false;  // kSgd: the buffer has no contents yet
  T scale = T(1);      // of the gradient: clipping, averaging
  T weight_decay = T(0);
  T decay = T(1);     // kAdam: 1 - lr weight_decay, decoupled (AdamW)
  T momentum = T(0);  // kSgd
  T keep = T(1);      // kSgd: 1 - dampening; kAdam: 1 - beta2
  T lerp = T(0);      // kAdam: 1 - beta1
  T beta2 = T(0);     // kAdam
  T unbias = T(1);    // kAdam: 1 / sqrt(1 - beta2^t)
  T eps = T(0);       // kAdam
  T step = T(0);      // kSgd: -lr; kAdam: -lr / (1 - beta1^t)

  // Buffers of state that the update reads and writes.
  constexpr int states() const { return kind == Optimizer::kAdam ? 2 : momentum != T(0) ? 1 : 0; }
};

template <class T>
struct OptimizerKernels {
  // Updates w[i] and the state from g[i] for i < n. Every element by itself, so that any split of
  // the buffers gives the same bits. States beyond spec.states() are not touched and may be null.
  void (*update)(const OptimizerSpec<T>& spec, T* w, const T* g, T* state1, T* state2,
                 std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
