// Elementwise activations, each beside its derivative.
//
// f(x, parameters) and f_derivative(dy, s, parameters) = dy f'(s), s being the input x, or the
// output y for relu, sigmoid and tanh (dispatch/activation.hpp). NaN gives NaN (a derivative that
// does not depend on the value of s gives dy's multiple), and infinities give the limits:
// gelu(-inf) = -0.
//
// Bounds in ulp of the exact value for float32 and float64, at levels with fma / without, measured
// by tests/test_activation.py, which holds the same table. A derivative with a zero of its own
// (silu's, gelu's) cannot be bounded so: it is in units of the roundoff of 1, eps / 2.
//
//                value                derivative
//   sigmoid      2 / 2                from y: 3 roundings
//   tanh         2 / 2                from y: 3 roundings
//   silu         3 / 3                4 / 4 roundoffs
//   gelu         6 / 8                4 / 4 roundoffs
//   gelu_tanh    4 + 3 |y| / same     4 / 5 roundoffs    y is the logistic function's argument
//   elu          3 / 3                2 / 2
//   selu         4 / 4                3 / 3
//   softplus     3 / 3                2 / 2              beta = 1
#pragma once

#include "dispatch/activation.hpp"
#include "kernels/math-inl.hpp"

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

template <class T, int R>
FASTNET_INLINE Vec<T, R> leaky_relu(Vec<T, R> x, Vec<T, R> slope) {
  return select(less_equal(x, zero<T, R>()), slope * x, x);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> leaky_relu_derivative(Vec<T, R> dy, Vec<T, R> x, Vec<T, R> slope) {
  return select(less_equal(x, zero<T, R>()), slope * dy, dy);
}

// scale x where x > 0, else factor (exp(x) - 1): elu with scale 1 and factor alpha, selu with
// scale and scale alpha.
template <class T, int R>
FASTNET_INLINE Vec<T, R> elu(Vec<T, R> x, Vec<T, R> scale, Vec<T, R> factor) {
  return select(less_equal(x, zero<T, R>()), factor * expm1(x), scale * x);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> elu_derivative(Vec<T, R> dy, Vec<T, R> x, Vec<T, R> scale,
                                        Vec<T, R> factor) {
  return dy * select(less_equal(x, zero<T, R>()), factor * exp(x), scale);
}
// Klambauer et al. 2017, arXiv:1706.02515, section 2.
constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluFactor = kSeluScale * 1.6732632423543772848170429916717;

// w / (1 + exp(-x)): for x < 0 it is w exp(x) / (1 + exp(x)), of which exp(x)'s power of two comes
// last, so that results underflow gradually. w must be finite where x < 0.
template <class T, int R>
FASTNET_INLINE Vec<T, R> times_sigmoid(Vec<T, R> w, Vec<T, R> x) {
  const Vec<T, R> one = splat<T, R>(T(1));
  const ExpParts<T, R> parts = exp_parts(max(splat<T, R>(MathConstants<T>::kExpLow), -abs(x)));
  const Vec<T, R> e = scaled(parts.m, parts.power);
  const Mask<T, R> negative = less(x, zero<T, R>());
  const Vec<T, R> numerator = select(negative, parts.m, one);
  Vec<T, R> y = numerator / (one + e);
  // One step of refinement takes back the roundings of 1 + e and of the quotient: numerator - y is
  // exact, as y is at least half the numerator, and 1 - e / 2 is near enough to 1 / (1 + e).
  const Vec<T, R> residue = fma(-y, e, numerator - y);
  y = w * fma(residue, fma(splat<T, R>(T(-0.5)), e, one), y);
  return select(negative, scaled(y, parts.power), y);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> sigmoid(Vec<T, R> x) {
  return times_sigmoid(splat<T, R>(T(1)), x);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> sigmoid_derivative(Vec<T, R> dy, Vec<T, R> y) {
  return dy * ((splat<T, R>(T(1)) - y) * y);
}

// sigmoid(x) and its derivative, without the difference 1 - sigmoid(x).
template <class T, int R>
struct SigmoidPair {
  Vec<T, R> value, slope;
};
template <class T, int R>
FASTNET_INLINE SigmoidPair<T, R> sigmoid_pair(Vec<T, R> x) {
  const Vec<T, R> one = splat<T, R>(T(1));
  const ExpParts<T, R> parts = exp_parts(max(splat<T, R>(MathConstants<T>::kExpLow), -abs(x)));
  const Vec<T, R> e = scaled(parts.m, parts.power);
  const Vec<T, R> larger = one / (one + e), smaller = e * larger;
  return {select(less(x, zero<T, R>()), smaller, larger), smaller * larger};
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> tanh_derivative(Vec<T, R> dy, Vec<T, R> y) {
  return dy * fma(-y, y, splat<T, R>(T(1)));
}

// x from -bound to bound; NaN stays.
template <class T, int R>
FASTNET_INLINE Vec<T, R> clamp(Vec<T, R> x, T bound) {
  return max(splat<T, R>(-bound), min(splat<T, R>(bound), x));
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> silu(Vec<T, R> x) {
  return times_sigmoid(max(splat<T, R>(MathConstants<T>::kExpLow), x), x);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> silu_derivative(Vec<T, R> dy, Vec<T, R> x) {
  const SigmoidPair<T, R> s = sigmoid_pair(x);
  // Beyond kExpLow the slope is 0, and 0 times infinity would be NaN.
  return dy * fma(clamp(x, -MathConstants<T>::kExpLow), s.slope, s.value);
}

// x Phi(x) = max(x, 0) - |x| (1 - Phi(|x|)), Phi the standard normal distribution function: no
// cancellation on either side.
template <class T, int R>
FASTNET_INLINE Vec<T, R> gelu(Vec<T, R> x) {
  const NormalTail<T, R> tail = normal_tail(x);
  const Vec<T, R> positive = max(splat<T, R>(T(-0.0)), x);  // -0 where x = -0, NaN where x is
  return positive - scaled(tail.u * (tail.e * tail.ratio), tail.power);
}
// Phi(x) + x phi(x), phi the density: 1 - Phi(u) - u phi(u) where x = -u < 0, else 1 less that.
template <class T, int R>
FASTNET_INLINE Vec<T, R> gelu_derivative(Vec<T, R> dy, Vec<T, R> x) {
  const NormalTail<T, R> tail = normal_tail(x);
  const Vec<T, R> density = splat<T, R>(T(-0x1.9884533d43651p-2));  // -1 / sqrt(2 pi)
  const Vec<T, R> left = scaled(tail.e * fma(density, tail.u, tail.ratio), tail.power);
  return dy * select(less(x, zero<T, R>()), left, splat<T, R>(T(1)) - left);
}

// x sigmoid(y) with y = sqrt(8 / pi) (x + 0.044715 x^3): the same as
// x / 2 (1 + tanh(y / 2)) (Hendrycks and Gimpel 2016, arXiv:1606.08415).
constexpr double kGeluLinear = 1.5957691216057308, kGeluCubic = kGeluLinear * 0.044715;

template <class T, int R>
FASTNET_INLINE Vec<T, R> gelu_tanh(Vec<T, R> x) {
  const Vec<T, R> y = x * fma(splat<T, R>(T(kGeluCubic)), x * x, splat<T, R>(T(kGeluLinear)));
  return times_sigmoid(max(splat<T, R>(MathConstants<T>::kExpLow), x), y);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> gelu_tanh_derivative(Vec<T, R> dy, Vec<T, R> x) {
  // Beyond kTailHigh y is beyond kExpLow.
  const Vec<T, R> u = clamp(x, MathConstants<T>::kTailHigh);
  const Vec<T, R> square = u * u, linear = splat<T, R>(T(kGeluLinear));
  const Vec<T, R> y = u * fma(splat<T, R>(T(kGeluCubic)), square, linear);
  const Vec<T, R> y_slope = fma(splat<T, R>(T(3 * kGeluCubic)), square, linear);
  const SigmoidPair<T, R> s = sigmoid_pair(y);
  return dy * fma(u * y_slope, s.slope, s.value);
}

// log(1 + exp(beta x)) / beta, which is max(z, 0) + log1p(exp(-|z|)) of z = beta x, over beta;
// x where z > threshold.
template <class T, int R>
FASTNET_INLINE Vec<T, R> softplus(Vec<T, R> x, Vec<T, R> beta, Vec<T, R> threshold) {
  const Vec<T, R> z = beta * x;
  const Vec<T, R> sum = relu(z) + log1p_finite(exp_negative(-abs(z)));
  return select(greater(z, threshold), x, sum / beta);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> softplus_derivative(Vec<T, R> dy, Vec<T, R> x, Vec<T, R> beta,
                                             Vec<T, R> threshold) {
  const Vec<T, R> z = beta * x;
  return select(greater(z, threshold), dy, dy * sigmoid(z));
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> hardtanh(Vec<T, R> x, Vec<T, R> low, Vec<T, R> high) {
  return max(low, min(high, x));
}
// dy strictly between the bounds (or where x is NaN), else +0.
template <class T, int R>
FASTNET_INLINE Vec<T, R> hardtanh_derivative(Vec<T, R> dy, Vec<T, R> x, Vec<T, R> low,
                                             Vec<T, R> high) {
  return select(less_equal(x, low) | greater_equal(x, high), zero<T, R>(), dy);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
