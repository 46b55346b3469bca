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
//   log        1         1         2
#pragma once

#include "kernels/simd-inl.hpp"

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
  // As above: 2^-64.0 (one degree less would do but for the last twentieth of an ulp).
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

// x = n ln 2 + r with an integer n and |r| <= ln(2) / 2.
template <class T, int R>
struct ExpArgument {
  Vec<T, R> n, r;
};

template <class T, int R>
FASTNET_INLINE ExpArgument<T, R> exp_argument(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> round = splat<T, R>(FloatFormat<T>::kRoundValue);
  const Vec<T, R> n = fma(x, splat<T, R>(C::kLog2e), round) - round;
  const Vec<T, R> r = fma(n, splat<T, R>(-C::kLn2High), x);
  return {n, fma(n, splat<T, R>(-C::kLn2Low), r)};
}

// exp(r) - 1 for |r| <= ln(2) / 2.
template <class T, int R>
FASTNET_INLINE Vec<T, R> expm1_reduced(Vec<T, R> r) {
  return fma(r * r, polynomial(r, MathConstants<T>::kExp), r);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> exp(Vec<T, R> x) {
  using C = MathConstants<T>;
  const Vec<T, R> low = splat<T, R>(C::kExpLow), high = splat<T, R>(C::kExpHigh);
  const ExpArgument<T, R> a = exp_argument(max(low, min(high, x)));
  return scaled(splat<T, R>(T(1)) + expm1_reduced(a.r), power_of_two(a.n));
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

template <class T, int R>
FASTNET_INLINE Vec<T, R> log(Vec<T, R> x) {
  using C = MathConstants<T>;
  using F = FloatFormat<T>;
  using U = Uint<T>;
  const Vec<T, R> one = splat<T, R>(T(1)), none = zero<T, R>();
  // x = 2^k m with m from sqrt(1/2) to sqrt(2): adding 1 - sqrt(1/2) to the bits carries into the
  // exponent where the mantissa exceeds sqrt(2).
  const Mask<T, R> subnormal = less(x, splat<T, R>(C::kSmallestNormal));
  const Vec<T, R> normal = select(subnormal, x * splat<T, R>(C::kSubnormalScale), x);
  const Vec<U, R> bits = bitcast<U>(normal) + splat<U, R>(F::kOne - C::kSqrtHalf);
  const Vec<U, R> biased = shift_right<F::kMantissa>(bits);
  const T offset = F::kRoundValue + static_cast<T>(F::kBias);
  const Vec<T, R> k =
      bitcast<T>(biased + splat<U, R>(F::kRound)) -
      select(subnormal, splat<T, R>(offset + C::kSubnormalExponent), splat<T, R>(offset));
  const Vec<U, R> mantissa = bits & splat<U, R>((U(1) << F::kMantissa) - 1);
  const Vec<T, R> f = bitcast<T>(mantissa + splat<U, R>(C::kSqrtHalf)) - one;
  const Vec<T, R> s = f / (f + splat<T, R>(T(2)));
  const Vec<T, R> y = log_reduced(f, s, k, k * splat<T, R>(C::kLn2Low));
  const Vec<T, R> infinity = splat<T, R>(static_cast<T>(__builtin_inf()));
  const Vec<T, R> nan = splat<T, R>(static_cast<T>(__builtin_nan("")));
  return select(greater(x, none), select(less(x, infinity), y, x),
                select(equal(x, none), -infinity, nan));
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
