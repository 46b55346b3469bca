// Elementary functions on arrays, so that each can be called and tested alone.
#pragma once

#include <cstddef>

namespace fastnet {

enum class MathFunction : int { kExp, kExpm1, kLog, kLog1p, kTanh, kErf, kSin, kCos, kCount };

template <class T>
struct MathKernels {
  // y[i] = f(x[i]) for i < n; y may equal x. Bounds: kernels/math-inl.hpp.
  void (*apply)(MathFunction f, const T* x, T* y, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
