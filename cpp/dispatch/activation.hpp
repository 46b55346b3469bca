// Elementwise activations and their derivatives.
#pragma once

#include <cstddef>

namespace fastnet {

enum class Activation : int {
  kIdentity,
  kRelu,
  kLeakyRelu,
  kElu,
  kSelu,
  kGelu,
  kGeluTanh,
  kSilu,
  kSigmoid,
  kTanh,
  kSoftplus,
  kHardtanh,
  kCount
};

// What an activation is called with; `a` and `b` are its parameters:
//   leaky_relu: a = negative_slope; elu: a = alpha; softplus: a = beta, b = threshold;
//   hardtanh: a = min_val, b = max_val; the others have none.
struct ActivationSpec {
  Activation kind = Activation::kIdentity;
  double a = 0.0;
  double b = 0.0;
  // The output is written past the caches (engine/streaming.hpp); it is aligned to 64 bytes.
  bool stream = false;
};

// Whether the derivative is computed from the output y (else from the input x).
constexpr bool derivative_from_output(Activation kind) {
  return kind == Activation::kRelu || kind == Activation::kSigmoid || kind == Activation::kTanh;
}

template <class T>
struct ActivationKernels {
  // y[i] = f(x[i]) for i < n; y may equal x.
  void (*forward)(const ActivationSpec& spec, const T* x, T* y, std::ptrdiff_t n) noexcept;
  // dx[i] = dy[i] * f'(s[i]), where s is the output y if derivative_from_output(kind), else the
  // input x; dx may equal dy or s.
  void (*backward)(const ActivationSpec& spec, const T* dy, const T* s, T* dx,
                   std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
