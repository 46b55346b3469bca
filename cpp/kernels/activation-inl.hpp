// Elementwise activations, forward beside derivative.
#pragma once

#include "dispatch/activation.hpp"
#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// relu(x) = x where x > 0, x where x is NaN, else +0.
template <class T, int R>
FASTNET_INLINE Vec<T, R> relu(Vec<T, R> x) {
  const Vec<T, R> none = zero<T, R>();
  return select(less_equal(x, none), none, x);
}
// dy where y > 0 or y is NaN, else +0.
template <class T, int R>
FASTNET_INLINE Vec<T, R> relu_derivative(Vec<T, R> dy, Vec<T, R> y) {
  const Vec<T, R> none = zero<T, R>();
  return select(less_equal(y, none), none, dy);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
