// The activation kernels of one ISA level.
#include "kernels/activation-inl.hpp"
#include "kernels/map-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void forward(const ActivationSpec& spec, const T* x, T* y, Index n) noexcept {
  switch (spec.kind) {
    case Activation::kRelu:
      return map(x, y, n, [](Vec<T, 1> v) { return relu(v); });
    default:
      return map(x, y, n, [](Vec<T, 1> v) { return v; });
  }
}

template <class T>
void backward(const ActivationSpec& spec, const T* dy, const T* s, T* dx, Index n) noexcept {
  switch (spec.kind) {
    case Activation::kRelu:
      return map2(dy, s, dx, n, [](Vec<T, 1> d, Vec<T, 1> y) { return relu_derivative(d, y); });
    default:
      return map(dy, dx, n, [](Vec<T, 1> d) { return d; });
  }
}

}  // namespace

void fill_activation(Kernels& table) noexcept {
  table.f32.activation = {forward<float>, backward<float>};
  table.f64.activation = {forward<double>, backward<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
