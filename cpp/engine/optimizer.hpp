// Steps of optimizers: their scalars, and their updates over threads.
#pragma once

#include <cmath>

#include "engine/elementwise.hpp"

namespace fastnet {

// torch.optim.SGD's step. `first`: the momentum's buffer is set instead of updated.
struct SgdOptions {
  double lr, momentum, dampening, weight_decay;
  bool nesterov;
};
template <class T>
OptimizerSpec<T> sgd_spec(const SgdOptions& o, bool first, double scale) {
  OptimizerSpec<T> spec;
  spec.kind = Optimizer::kSgd;
  spec.nesterov = o.nesterov;
  spec.first = first;
  spec.scale = static_cast<T>(scale);
  spec.weight_decay = static_cast<T>(o.weight_decay);
  spec.momentum = static_cast<T>(o.momentum);
  spec.keep = static_cast<T>(1.0 - o.dampening);
  spec.step = static_cast<T>(-o.lr);
  return spec;
}

// The step of torch.optim.Adam, or of AdamW if `decoupled`. beta1_power and beta2_power are beta^t
// after this step's multiplication, t = 1 at the first: products that the caller keeps, since the
// bits of a pow() depend on the library.
struct AdamOptions {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;
};
template <class T>
OptimizerSpec<T> adam_spec(const AdamOptions& o, double beta1_power, double beta2_power,
                           double scale) {
  OptimizerSpec<T> spec;
  spec.kind = Optimizer::kAdam;
  spec.scale = static_cast<T>(scale);
  spec.weight_decay = static_cast<T>(o.decoupled ? 0.0 : o.weight_decay);
  spec.decay = static_cast<T>(o.decoupled ? 1.0 - o.lr * o.weight_decay : 1.0);
  spec.lerp = static_cast<T>(1.0 - o.beta1);
  spec.beta2 = static_cast<T>(o.beta2);
  spec.keep = static_cast<T>(1.0 - o.beta2);
  spec.unbias = static_cast<T>(1.0 / std::sqrt(1.0 - beta2_power));
  spec.eps = static_cast<T>(o.eps);
  spec.step = static_cast<T>(-(o.lr / (1.0 - beta1_power)));
  return spec;
}

// OptimizerKernels::update over threads.
template <class T>
void optimizer_update(const OptimizerSpec<T>& spec, T* w, const T* g, T* state1, T* state2,
                      Index n) noexcept {
  const auto f = kernels().of<T>().optimizer.update;
  const int states = spec.states();
  for_elements(n, states == 2 ? 0.4 : 0.15, [&](Index begin, Index end) {
    f(spec, w + begin, g + begin, states > 0 ? state1 + begin : nullptr,
      states > 1 ? state2 + begin : nullptr, end - begin);
  });
}

}  // namespace fastnet
