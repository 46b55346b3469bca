// Elementary functions of vectors.
//
// Each is a chain of + - * / fma and integer operations, so its bits are equal at every level that
// has fma and at every register count R. Results hold over all inputs: NaN gives NaN, infinities,
// signed zeros and subnormal numbers are treated as C's functions do, and results underflow
// gradually. Bounds are in units in the last place of the exact result (one ulp is the distance of
// neighbouring numbers there), measured over every float32 and dense sweeps of float64 by
// tests/test_math.py, which holds the same table:
//
//   function   float32   float64   without fma, float32 and float64
//   exp        1         1         2
//   expm1      2         2         3
//   log        1         1         2
//   log1p      2         2         2
//   tanh       2         2         2
//   erf        2         2         2
//   sin        2         3         3
//   cos        2         3         3
#pragma once

#include "kernels/exponent-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Polynomials are minimax (Remez exchange in 50 digits, weighted to the relative error of the whole
// function), lowest coefficient first, then rounded.
template <class T>
struct MathConstants;

template <>
struct MathConstants<float> {
  static constexpr float kLog2e = 0x1.715476p0f;
  // ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact.
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  // (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2: 2^-28.3 of exp(r).
  static constexpr float kExp[] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.1239e2p-7f,
                                   0x1.6a2432p-10f};
  // (2 atanh(s) - 2 s) / s^3 in s^2, |s| <= (sqrt(2) - 1) / (sqrt(2) + 1): 2^-30.2 of atanh(s).
  static constexpr float kLog[] = {0x1.55557ap-1f, 0x1.995eb4p-2f, 0x1.31e3b0p-2f};
  // (tanh(x) - x) / x^3 in x^2, |x| <= 0.55: 2^-29.8 of tanh(x).
  static constexpr float kTanh[] = {-0x1.55554ap-2f, 0x1.110d24p-3f, -0x1.b9283ep-5f,
                                    0x1.593aecp-6f, -0x1.9b23a0p-8f};
  // erf(x) / x - 1 in x^2, |x| <= 1: 2^-29.6 of erf(x).
  static constexpr float kErf[] = {0x1.06eba8p-3f,  -0x1.81273ep-2f, 0x1.ce2cf8p-4f,
                                   -0x1.b7f90ep-6f, 0x1.5405b2p-8f,  -0x1.a3f700p-11f,
                                   0x1.496a32p-14f};
  // (1 - Phi(u)) exp(u^2 / 2) as a quotient of polynomials in u, for u from 0 to 15, Phi the
  // standard normal distribution function: 2^-26.2 with the coefficients as rounded. All are
  // positive, so that nothing cancels.
  static constexpr float kTailTop[] = {0x1p-1f, 0x1.c1d27ap-2f, 0x1.78c33ap-3f, 0x1.4ee3ccp-5f,
                                       0x1.102d04p-8f};
  static constexpr float kTailBottom[] = {0x1p0f,         0x1.ad2b6ep0f,  0x1.349ep0f,
                                          0x1.e2b6e2p-2f, 0x1.a3bf46p-4f, 0x1.551e42p-7f};
  // u (1 - Phi(u)) underflows to 0 beyond.
  static constexpr float kTailHigh = 15.0f;
  // tanh rounds to 1 beyond, expm1 to -1 below.
  static constexpr float kTanhHigh = 10.0f, kExpm1Low = -20.0f;
  // exp underflows to 0 below -104 and overflows above 88.8; x exp(x) underflows below -109.
  static constexpr float kExpLow = -120.0f, kExpHigh = 89.0f;
  static constexpr float kSmallestNormal = 0x1p-126f;
  static constexpr float kSubnormalScale = 0x1p25f;
  static constexpr float kSubnormalExponent = 25.0f;
  static constexpr std::uint32_t kSqrtHalf = 0x3f3504f3u;  // the bits of sqrt(1/2)
};

template <>
struct MathConstants<double> {
  static constexpr double kLog2e = 0x1.71547652b82fep0;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1, kLn2Low = 0x1.ef35793c7673p-45;  // 42 bits
  // As above: 2^-64.0.
  static constexpr double kExp[] = {0x1p-1,
                                    0x1.555555555555bp-3,
                                    0x1.5555555555503p-5,
                                    0x1.111111110ec5ep-7,
                                    0x1.6c16c16c304fdp-10,
                                    0x1.a01a01b37df1cp-13,
                                    0x1.a01a013672cafp-16,
                                    0x1.71ddf02136dd2p-19,
                                    0x1.27e5b4795b851p-22,
                                    0x1.af6be78480d9ep-26,
                                    0x1.1e3cea6c221a9p-29};
  // As above: 2^-59.5.
  static constexpr double kLog[] = {
      0x1.5555555555592p-1, 0x1.999999997fd37p-2, 0x1.24924941f8d2cp-2, 0x1.c71c5202b1fe8p-3,
      0x1.7466405c11c7dp-3, 0x1.39a193317a2bbp-3, 0x1.2f0705c143dafp-3};
  // As above: 2^-60.6.
  static constexpr double kTanh[] = {
      -0x1.555555555554fp-2,  0x1.1111111110796p-3,  -0x1.ba1ba1b97d0eap-5,  0x1.664f4859547b6p-6,
      -0x1.226e2f10c53eep-7,  0x1.d6d29afcc2bb3p-9,  -0x1.7d8fcbb5cd35fp-10, 0x1.34836b40fb76cp-11,
      -0x1.e96d071a8792bp-13, 0x1.5d6c49173ed30p-14, -0x1.46fca326277e5p-16};
  // As above: 2^-62.7.
  static constexpr double kErf[] = {
      0x1.06eba8214db69p-3,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042b20p-4,  -0x1.b82ce3128499cp-6,
      0x1.565bcd0db02e5p-8,  -0x1.c02db3d8ed265p-11, 0x1.f9a321a11e053p-14, -0x1.f4d1df394ef65p-17,
      0x1.b9def19e1fc11p-20, -0x1.5f1d36c3b7d9bp-23, 0x1.f7a4123dd468ep-27, -0x1.386ac0f5433d3p-30,
      0x1.0579ab3a3f941p-34};
  // As above, for u from 0 to 40: 2^-56.9.
  static constexpr double kTailTop[] = {0x1p-1,
                                        0x1.a83f9d8756623p-1,
                                        0x1.5c8211ab8d467p-1,
                                        0x1.6ec499e1213aep-2,
                                        0x1.0f42fc3f2ac44p-3,
                                        0x1.2552744aba230p-5,
                                        0x1.d50314d23a4ddp-8,
                                        0x1.121912fc9734cp-10,
                                        0x1.c1fd9534c0058p-14,
                                        0x1.d7d56b91d6f28p-18,
                                        0x1.e5e40c06af368p-23};
  static constexpr double kTailBottom[] = {0x1p0,
                                           0x1.3a40e392fc0a6p1,
                                           0x1.68fdf600b25c4p1,
                                           0x1.00a367d0e76f3p1,
                                           0x1.f708f8a924613p-1,
                                           0x1.65ccebaf0b4bfp-2,
                                           0x1.7a3737114a8c9p-4,
                                           0x1.2a4c162e327c3p-6,
                                           0x1.59d73f9c02dd2p-9,
                                           0x1.1a959f7eefbbep-12,
                                           0x1.27ad8b4285ed2p-16,
                                           0x1.307ca61df5b8cp-21};
  static constexpr double kTailHigh = 39.0;
  static constexpr double kTanhHigh = 20.0, kExpm1Low = -40.0;
  static constexpr double kExpLow = -800.0, kExpHigh = 710.0;
  static constexpr double kSmallestNormal = 0x1p-1022;
  static constexpr double kSubnormalScale = 0x1p54;
  static constexpr double kSubnormalExponent = 54.0;
  static constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdu;
};

// c[0] + c[1] x + ... + c[N - 1] x^(N - 1) by Horner's rule.
template <class T, int R, int N>
FASTNET_INLINE Vec<T, R> polynomial(Vec<T, R> x, const T (&c)[N]) {
  Vec<T, R> sum = splat<T, R>(c[N - 1]);
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, splat<T, R>(c[i]));
  return sum;
}

// x = n ln 2 + r with an integer n and |r| <= ln(2) / 2; n is given plus kRoundValue as well.
template <class T, int R>
struct ExpArgument {
  Vec<T, R> shifted, n, r;
};

template <class T, int R>
FASTNET_INLINE ExpArgument<T, R> exp_argument(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> round = splat<T, R>(FloatFormat<T>::kRoundValue);
  const Vec<T, R> shifted = fma(x, splat<T, R>(C::kLog2e), round);
  const Vec<T, R> n = shifted - round;
  const Vec<T, R> r = fma(n, splat<T, R>(-C::kLn2High), x);
  return {shifted, n, fma(n, splat<T, R>(-C::kLn2Low), r)};
}

// 2^(n + kOffset), a normal number, from shifted = n + kRoundValue: the low bits of `shifted` are
// n, and kRound's leave the register on the left.
template <int kOffset, class T, int R>
FASTNET_INLINE Vec<T, R> normal_power(Vec<T, R> shifted) {
  using F = FloatFormat<T>;
  using U = Uint<T>;
  constexpr U offset = F::kOne + (static_cast<U>(kOffset) << F::kMantissa);
  return bitcast<T>(shift_left<F::kMantissa>(bitcast<U>(shifted)) + splat<U, R>(offset));
}

// exp(r) - 1 for |r| <= ln(2) / 2.
template <class T, int R>
FASTNET_INLINE Vec<T, R> expm1_reduced(Vec<T, R> r) {
  return fma(r * r, polynomial(r, MathConstants<T>::kExp), r);
}

// exp(r) for |r| <= ln(2) / 2, as (1 + r) + (low + r^2 q(r)) where low is what 1 + r rounds away.
// Below 1 the result has twice 1's last places: rounding r + r^2 q(r) first would cost a quarter of
// one, and with the roundings of r, of r^2 q(r) and of the sum more than one in all (1.009 was
// found).
template <class T, int R>
FASTNET_INLINE Vec<T, R> exp_reduced(Vec<T, R> r) {
  const Vec<T, R> one = splat<T, R>(T(1));
  const Vec<T, R> sum = one + r;
  const Vec<T, R> low = r - (sum - one);
  return sum + fma(r * r, polynomial(r, MathConstants<T>::kExp), low);
}

// exp(x) = m 2^power with m from sqrt(1/2) to sqrt(2), for those who round only after more factors.
template <class T, int R>
struct ExpParts {
  Vec<T, R> m;
  PowerOfTwo<T, R> power;
};

// For x from kExpLow to kExpHigh, or NaN.
template <class T, int R>
FASTNET_INLINE ExpParts<T, R> exp_parts(Vec<T, R> x) {
  const ExpArgument<T, R> a = exp_argument(x);
  return {exp_reduced(a.r), power_of_two(a.n)};
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> exp(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> low = splat<T, R>(C::kExpLow), high = splat<T, R>(C::kExpHigh);
  const ExpParts<T, R> e = exp_parts(max(low, min(high, x)));
  return scaled(e.m, e.power);
}

// exp of x <= 0, or NaN.
template <class T, int R>
FASTNET_INLINE Vec<T, R> exp_negative(Vec<T, R> x) {
  const ExpParts<T, R> e = exp_parts(max(splat<T, R>(MathConstants<T>::kExpLow), x));
  return scaled(e.m, e.power);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> expm1(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> low = splat<T, R>(C::kExpm1Low), high = splat<T, R>(C::kExpHigh);
  const ExpArgument<T, R> a = exp_argument(max(low, min(high, x)));
  const Vec<T, R> p = expm1_reduced(a.r);
  // 2^n p + (2^n - 1), of halves so that 2^n does not overflow before the result does.
  const Vec<T, R> half = normal_power<-1>(a.shifted);
  const Vec<T, R> sum = fma(half, p, half - splat<T, R>(T(0.5)));
  return copysign(select(equal(a.n, zero<T, R>()), p, sum + sum), x);
}

// log(2^k (1 + f)) + low, for sqrt(1/2) <= 1 + f < sqrt(2) and an integer k; `low` holds k ln 2's
// second part and what else is small. With s = f / (2 + f), log(1 + f) = 2 atanh(s); 2 s is written
// f - f^2 / 2 + s f^2 / 2 so that the leading term is exact (the scheme of fdlibm's e_log.c).
template <class T, int R>
FASTNET_INLINE Vec<T, R> log_reduced(Vec<T, R> f, Vec<T, R> s, Vec<T, R> k, Vec<T, R> low) {
  using C = MathConstants<T>;
  const Vec<T, R> z = s * s;
  const Vec<T, R> half = splat<T, R>(T(0.5)) * f * f;
  const Vec<T, R> rest = fma(s, fma(z, polynomial(z, C::kLog), half), low);
  return fma(k, splat<T, R>(C::kLn2High), f - (half - rest));
}

// y = 2^k m with m from sqrt(1/2) to sqrt(2), of a normal y > 0: adding 1 - sqrt(1/2) to the bits
// carries into the exponent where the mantissa exceeds sqrt(2). Gives f = m - 1, and
// k + kRoundValue + B, B the exponent's bias.
template <class T, int R>
struct LogSplit {
  Vec<T, R> f, shifted;
};

template <class T, int R>
FASTNET_INLINE LogSplit<T, R> log_split(Vec<T, R> y) {
  using F = FloatFormat<T>;
  using U = Uint<T>;
  constexpr U root = MathConstants<T>::kSqrtHalf;
  const Vec<U, R> bits = bitcast<U>(y) + splat<U, R>(F::kOne - root);
  const Vec<U, R> mantissa = bits & splat<U, R>((U(1) << F::kMantissa) - 1);
  return {bitcast<T>(mantissa + splat<U, R>(root)) - splat<T, R>(T(1)),
          bitcast<T>(shift_right<F::kMantissa>(bits) + splat<U, R>(F::kRound))};
}

// The same with s = f / (2 + f).
template <class T, int R>
struct LogArgument {
  Vec<T, R> f, s, shifted;
};

template <class T, int R>
FASTNET_INLINE LogArgument<T, R> log_argument(Vec<T, R> y) {
  const LogSplit<T, R> a = log_split(y);
  return {a.f, a.f / (a.f + splat<T, R>(T(2))), a.shifted};
}

// y where x > least, -infinity where x = least, NaN below; x where it is +infinity or NaN.
template <class T, int R>
FASTNET_INLINE Vec<T, R> log_edges(Vec<T, R> x, T least, Vec<T, R> y) {
  const Vec<T, R> infinity = splat<T, R>(static_cast<T>(__builtin_inf()));
  const Vec<T, R> nan = splat<T, R>(static_cast<T>(__builtin_nan("")));
  const Vec<T, R> edge = splat<T, R>(least);
  return select(greater(x, edge), select(less(x, infinity), y, x),
                select(equal(x, edge), -infinity, nan));
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> log(Vec<T, R> x) {
  using C = MathConstants<T>;
  constexpr T offset = FloatFormat<T>::kRoundValue + static_cast<T>(FloatFormat<T>::kBias);
  const Mask<T, R> subnormal = less(x, splat<T, R>(C::kSmallestNormal));
  const LogArgument<T, R> a =
      log_argument(select(subnormal, x * splat<T, R>(C::kSubnormalScale), x));
  const Vec<T, R> k = a.shifted - select(subnormal, splat<T, R>(offset + C::kSubnormalExponent),
                                         splat<T, R>(offset));
  return log_edges(x, T(0), log_reduced(a.f, a.s, k, k * splat<T, R>(C::kLn2Low)));
}

// log1p(x) for x > -1 or NaN; of any NaN or infinity some value that log_edges replaces, or NaN.
template <class T, int R>
FASTNET_INLINE Vec<T, R> log1p_finite(Vec<T, R> x) {
  using C = MathConstants<T>;
  constexpr T offset = FloatFormat<T>::kRoundValue + static_cast<T>(FloatFormat<T>::kBias);
  const Vec<T, R> one = splat<T, R>(T(1));
  // 1 + x = y + c exactly (Knuth's sum), and log(y + c) = log(y) + c / y to within c^2.
  const Vec<T, R> y = one + x;
  const Vec<T, R> part = y - one;
  const Vec<T, R> c = (one - (y - part)) + (x - part);
  const LogArgument<T, R> a = log_argument(y);
  const Vec<T, R> k = a.shifted - splat<T, R>(offset);
  return log_reduced(a.f, a.s, k, fma(k, splat<T, R>(C::kLn2Low), c / y));
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> log1p(Vec<T, R> x) {
  return copysign(log_edges(x, T(-1), log1p_finite(x)), x);
}

// x + x^3 q(x^2) near 0, else 1 - 2 / (exp(2 |x|) + 1), whose quotient is at most the result.
template <class T, int R>
FASTNET_INLINE Vec<T, R> tanh(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> one = splat<T, R>(T(1)), two = splat<T, R>(T(2));
  const Vec<T, R> u = min(splat<T, R>(C::kTanhHigh), abs(x));
  const Vec<T, R> z = u * u;
  const Vec<T, R> near = fma(u * z, polynomial(z, C::kTanh), u);
  const ExpArgument<T, R> a = exp_argument(u + u);
  const Vec<T, R> e = (one + expm1_reduced(a.r)) * normal_power<0>(a.shifted);
  const Vec<T, R> far = one - two / (e + one);
  return copysign(select(less(u, splat<T, R>(T(0.55))), near, far), x);
}

// -u^2 / 2 = half + rest exactly.
template <class T, int R>
struct HalfSquare {
  Vec<T, R> half, rest;
};

template <class T, int R>
FASTNET_INLINE HalfSquare<T, R> half_square(Vec<T, R> u) {
  const Vec<T, R> scale = splat<T, R>(T(-0.5));
  if constexpr (kHasFma) {
    const Vec<T, R> v = scale * u, half = v * u;
    return {half, fma(v, u, -half)};
  } else {
    // The upper half of the mantissa, whose square is exact, and the lower half's share.
    constexpr int low = FloatFormat<T>::kMantissa / 2 + 1;
    const Vec<T, R> high = bitcast<T>(shift_left<low>(shift_right<low>(bitcast<Uint<T>>(u))));
    return {scale * (high * high), scale * ((u - high) * (u + high))};
  }
}

// c[0] + c[1] u + ..., by Horner's rule for pairs (c[0] + c[1] u) + u^2 ((c[2] + c[3] u) + ...)
// with u^2 = -2 h. For large u half as many roundings count as by Horner's rule alone, and that of
// h cancels in a quotient of two.
template <class T, int R, int N>
FASTNET_INLINE Vec<T, R> by_pairs(Vec<T, R> u, Vec<T, R> h, const T (&c)[N]) {
  constexpr int pairs = (N + 1) / 2;
  Vec<T, R> sum;
#pragma GCC unroll 32
  for (int i = pairs - 1; i >= 0; --i) {
    const T scale = static_cast<T>((i % 2 ? -1 : 1) * (1 << i));  // (-2)^i: exact
    const Vec<T, R> even = splat<T, R>(scale * c[2 * i]);
    const Vec<T, R> pair =
        2 * i + 1 < N ? fma(u, splat<T, R>(scale * c[2 * i + 1 < N ? 2 * i + 1 : 0]), even) : even;
    sum = i == pairs - 1 ? pair : fma(sum, h, pair);
  }
  return sum;
}

// The standard normal distribution beyond u >= 0: 1 - Phi(u) = e 2^power ratio, e 2^power being
// exp(-u^2 / 2). `u` is |x|, at most kTailHigh, or NaN.
template <class T, int R>
struct NormalTail {
  Vec<T, R> u, e, ratio;
  PowerOfTwo<T, R> power;
};

template <class T, int R>
FASTNET_INLINE NormalTail<T, R> normal_tail(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> u = min(splat<T, R>(C::kTailHigh), abs(x));
  // Exactly: exp(-u^2 / 2) would magnify the rounding of u^2 u^2 / 2 times.
  const auto [half, rest] = half_square(u);
  const ExpArgument<T, R> a = exp_argument(half);
  // Without fma `half` is not the rounded product.
  const Vec<T, R> h = kHasFma ? half : splat<T, R>(T(-0.5)) * u * u;
  const Vec<T, R> ratio = by_pairs(u, h, C::kTailTop) / by_pairs(u, h, C::kTailBottom);
  return {u, exp_reduced(a.r + rest), ratio, power_of_two(a.n)};
}

// x + x q(x^2) below 1, else 1 - 2 (1 - Phi(sqrt(2) |x|)).
template <class T, int R>
FASTNET_INLINE Vec<T, R> erf(Vec<T, R> x) {
  const Vec<T, R> one = splat<T, R>(T(1));
  const Vec<T, R> u = abs(x);
  const Vec<T, R> near = fma(u, polynomial(u * u, MathConstants<T>::kErf), u);
  const NormalTail<T, R> tail = normal_tail(u * splat<T, R>(T(0x1.6a09e667f3bcdp0)));
  const Vec<T, R> half = scaled(tail.e * tail.ratio, tail.power);
  const Vec<T, R> far = one - (half + half);
  return copysign(select(less(u, one), near, far), x);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
