// The optimizer kernels of one ISA level.
#include "kernels/optimizer-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Calls step on one register after another of w, g and the states, and stores what it changed.
template <class T, class Step, class... States>
FASTNET_INLINE void walk(const Step& step, Index n, T* w, const T* g, States*... states) {
  using V = Vec<T, 1>;
  const auto whole = [&](V pw, V pg, Index i, auto... ps) {
    step(pw, pg, ps...);
    store(w + i, pw);
    (store(states + i, ps), ...);
  };
  const auto part = [&](V pw, V pg, Index i, Index left, auto... ps) {
    step(pw, pg, ps...);
    store_partial(w + i, pw, left);
    (store_partial(states + i, ps, left), ...);
  };
  Index i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    whole(load<T, 1>(w + i), load<T, 1>(g + i), i, load<T, 1>(states + i)...);
  }
  if (const Index left = n - i) {
    part(load_partial<T, 1>(w + i, left), load_partial<T, 1>(g + i, left), i, left,
         load_partial<T, 1>(states + i, left)...);
  }
}

template <class T>
void update(const OptimizerSpec<T>& spec, T* w, const T* g, T* state1, T* state2,
            Index n) noexcept {
  if (spec.kind == Optimizer::kAdam) {
    walk(AdamStep<T>(spec), n, w, g, state1, state2);
  } else if (spec.momentum != T(0)) {
    walk(SgdStep<T>(spec), n, w, g, state1);
  } else {
    walk(SgdStep<T>(spec), n, w, g);
  }
}

}  // namespace

void fill_optimizer(Kernels& table) noexcept {
  table.f32.optimizer = {update<float>};
  table.f64.optimizer = {update<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
