// The activation kernels of one ISA level.
#include "kernels/activation-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T, class F>
FASTNET_INLINE void map(const T* x, T* y, Index n, F f) {
  constexpr Index lanes = Vec<T>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(x + i)));
  if (i < n) store_partial(y + i, f(load_partial(x + i, n - i)), n - i);
}

template <class T, class F>
FASTNET_INLINE void map2(const T* a, const T* b, T* y, Index n, F f) {
  constexpr Index lanes = Vec<T>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) {
    store_partial(y + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i)), n - i);
  }
}

template <class T>
void forward(const ActivationSpec& spec, const T* x, T* y, Index n) noexcept {
  switch (spec.kind) {
    case Activation::kRelu:
      return map(x, y, n, [](Vec<T> v) { return relu(v); });
    default:
      return map(x, y, n, [](Vec<T> v) { return v; });
  }
}

template <class T>
void backward(const ActivationSpec& spec, const T* dy, const T* s, T* dx, Index n) noexcept {
  switch (spec.kind) {
    case Activation::kRelu:
      return map2(dy, s, dx, n, [](Vec<T> d, Vec<T> y) { return relu_derivative(d, y); });
    default:
      return map(dy, dx, n, [](Vec<T> d) { return d; });
  }
}

}  // namespace

void fill_activation(Kernels& table) noexcept {
  table.f32.activation = {forward<float>, backward<float>};
  table.f64.activation = {forward<double>, backward<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
