// The operations of expressions on vectors, where math-inl.hpp does not have them already.
#pragma once

#include "dispatch/expression.hpp"
#include "kernels/trig-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// x rounded to an integer, ties to even: a sum with 2^23 (2^52) has no place behind the point, and
// numbers from there on are integers.
template <class T, int R>
FASTNET_INLINE Vec<T, R> rint(Vec<T, R> x) {
  constexpr T limit = FloatFormat<T>::kRoundValue / T(1.5);
  const Vec<T, R> size = abs(x), edge = splat<T, R>(limit);
  const Vec<T, R> rounded = (size + edge) - edge;
  return copysign(select(less(size, edge), rounded, size), x);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> floor(Vec<T, R> x) {
  const Vec<T, R> near = rint(x);
  return copysign(select(greater(near, x), near - splat<T, R>(T(1)), near), x);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> trunc(Vec<T, R> x) {
  return copysign(floor(abs(x)), x);
}

// 1, -1, 0 or NaN.
template <class T, int R>
FASTNET_INLINE Vec<T, R> sign(Vec<T, R> x) {
  const Vec<T, R> none = zero<T, R>(), one = splat<T, R>(T(1));
  return select(greater(x, none), one, select(less(x, none), -one, x + none));
}

// The smaller and the larger as NumPy's minimum and maximum: NaN where either is.
template <class T, int R>
FASTNET_INLINE Vec<T, R> minimum(Vec<T, R> a, Vec<T, R> b) {
  return select(not_equal(a, a), a, min(a, b));
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> maximum(Vec<T, R> a, Vec<T, R> b) {
  return select(not_equal(a, a), a, max(a, b));
}

// The same where both are numbers, else the other.
template <class T, int R>
FASTNET_INLINE Vec<T, R> fmin(Vec<T, R> a, Vec<T, R> b) {
  return select(not_equal(b, b), a, min(a, b));
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> fmax(Vec<T, R> a, Vec<T, R> b) {
  return select(not_equal(b, b), a, max(a, b));
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
