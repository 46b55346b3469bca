// The activation kernels of one ISA level.
#include "kernels/activation-inl.hpp"
#include "kernels/map-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void forward(const ActivationSpec& spec, const T* x, T* y, Index n) noexcept {
  using V = Vec<T, 1>;
  const V a = splat<T, 1>(static_cast<T>(spec.a)), b = splat<T, 1>(static_cast<T>(spec.b));
  const auto apply = [&](auto f) FASTNET_INLINE_LAMBDA { map(x, y, n, f, spec.stream); };
  switch (spec.kind) {
    case Activation::kRelu:
      return apply([](V v) { return relu(v); });
    case Activation::kLeakyRelu:
      return apply([a](V v) { return leaky_relu(v, a); });
    case Activation::kElu:
      return apply([a](V v) { return elu(v, splat<T, 1>(T(1)), a); });
    case Activation::kSelu:
      return apply(
          [](V v) { return elu(v, splat<T, 1>(T(kSeluScale)), splat<T, 1>(T(kSeluFactor))); });
    case Activation::kGelu:
      return apply([](V v) { return gelu(v); });
    case Activation::kGeluTanh:
      return apply([](V v) { return gelu_tanh(v); });
    case Activation::kSilu:
      return apply([](V v) { return silu(v); });
    case Activation::kSigmoid:
      return apply([](V v) { return sigmoid(v); });
    case Activation::kTanh:
      return apply([](V v) { return tanh(v); });
    case Activation::kSoftplus:
      return apply([a, b](V v) { return softplus(v, a, b); });
    case Activation::kHardtanh:
      return apply([a, b](V v) { return hardtanh(v, a, b); });
    case Activation::kIdentity:
    case Activation::kCount:
      if (x != y) apply([](V v) { return v; });
  }
}

template <class T>
void backward(const ActivationSpec& spec, const T* dy, const T* s, T* dx, Index n) noexcept {
  using V = Vec<T, 1>;
  const V a = splat<T, 1>(static_cast<T>(spec.a)), b = splat<T, 1>(static_cast<T>(spec.b));
  const auto apply = [&](auto f) FASTNET_INLINE_LAMBDA { map2(dy, s, dx, n, f, spec.stream); };
  switch (spec.kind) {
    case Activation::kRelu:
      return apply([](V d, V y) { return relu_derivative(d, y); });
    case Activation::kLeakyRelu:
      return apply([a](V d, V x) { return leaky_relu_derivative(d, x, a); });
    case Activation::kElu:
      return apply([a](V d, V x) { return elu_derivative(d, x, splat<T, 1>(T(1)), a); });
    case Activation::kSelu:
      return apply([](V d, V x) {
        return elu_derivative(d, x, splat<T, 1>(T(kSeluScale)), splat<T, 1>(T(kSeluFactor)));
      });
    case Activation::kGelu:
      return apply([](V d, V x) { return gelu_derivative(d, x); });
    case Activation::kGeluTanh:
      return apply([](V d, V x) { return gelu_tanh_derivative(d, x); });
    case Activation::kSilu:
      return apply([](V d, V x) { return silu_derivative(d, x); });
    case Activation::kSigmoid:
      return apply([](V d, V y) { return sigmoid_derivative(d, y); });
    case Activation::kTanh:
      return apply([](V d, V y) { return tanh_derivative(d, y); });
    case Activation::kSoftplus:
      return apply([a, b](V d, V x) { return softplus_derivative(d, x, a, b); });
    case Activation::kHardtanh:
      return apply([a, b](V d, V x) { return hardtanh_derivative(d, x, a, b); });
    case Activation::kIdentity:
    case Activation::kCount:
      if (dy != dx)
        map(
            dy, dx, n, [](V d) { return d; }, spec.stream);
  }
}

}  // namespace

void fill_activation(Kernels& table) noexcept {
  table.f32.activation = {forward<float>, backward<float>};
  table.f64.activation = {forward<double>, backward<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
