// Optimizers' updates of one register of parameters.
//
// The order of operations is that of torch.optim's plain loops, where add(x, alpha) and lerp are
// fused multiply-adds; only the bias of sqrt(v) is corrected by a product instead of a quotient,
// since division is what takes longest. Division and square root are the correctly rounded ones.
#pragma once

#include "dispatch/optimizer.hpp"
#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// An optimizer's scalars in every lane; the branches on flags are the same for all of a buffer.
template <class T>
struct GradientStep {
  using V = Vec<T, 1>;
  V scale, weight_decay;
  bool coupled;

  FASTNET_INLINE explicit GradientStep(const OptimizerSpec<T>& spec)
      : scale(splat<T, 1>(spec.scale)),
        weight_decay(splat<T, 1>(spec.weight_decay)),
        coupled(spec.weight_decay != T(0)) {}
  FASTNET_INLINE V operator()(V g, V w) const {
    g = g * scale;
    return coupled ? fma(w, weight_decay, g) : g;
  }
};

template <class T>
struct SgdStep {
  using V = Vec<T, 1>;
  GradientStep<T> gradient;
  V momentum, keep, step;
  bool first, nesterov;

  FASTNET_INLINE explicit SgdStep(const OptimizerSpec<T>& spec)
      : gradient(spec),
        momentum(splat<T, 1>(spec.momentum)),
        keep(splat<T, 1>(spec.keep)),
        step(splat<T, 1>(spec.step)),
        first(spec.first),
        nesterov(spec.nesterov) {}
  FASTNET_INLINE void operator()(V& w, V g) const { w = fma(gradient(g, w), step, w); }
  FASTNET_INLINE void operator()(V& w, V g, V& b) const {
    g = gradient(g, w);
    b = first ? g : fma(g, keep, b * momentum);
    w = fma(nesterov ? fma(b, momentum, g) : b, step, w);
  }
};

template <class T>
struct AdamStep {
  using V = Vec<T, 1>;
  GradientStep<T> gradient;
  V decay, lerp, beta2, keep, unbias, eps, step;
  bool decoupled, from_gradient;

  FASTNET_INLINE explicit AdamStep(const OptimizerSpec<T>& spec)
      : gradient(spec),
        decay(splat<T, 1>(spec.decay)),
        lerp(splat<T, 1>(spec.lerp < T(0.5) ? spec.lerp : spec.lerp - T(1))),
        beta2(splat<T, 1>(spec.beta2)),
        keep(splat<T, 1>(spec.keep)),
        unbias(splat<T, 1>(spec.unbias)),
        eps(splat<T, 1>(spec.eps)),
        step(splat<T, 1>(spec.step)),
        decoupled(spec.decay != T(1)),
        from_gradient(!(spec.lerp < T(0.5))) {}
  FASTNET_INLINE void operator()(V& w, V g, V& m, V& v) const {
    if (decoupled) w = w * decay;
    g = gradient(g, w);
    // lerp from the nearer end, as PyTorch: m + lerp (g - m), or g - (1 - lerp)(g - m).
    m = fma(lerp, g - m, from_gradient ? g : m);
    v = fma(keep * g, g, v * beta2);
    w = w + step * m / (unbias * sqrt(v) + eps);
  }
};

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
