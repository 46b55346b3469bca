// Exponents of floating-point numbers: their bits, powers of two, and scaling by them.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// 2^n, kept so that scaled() rounds once: results below the smallest normal number lose bits as a
// division would (gradual underflow), results beyond the largest become infinite.
//
// n holds integers from -2 B + 2 to 2 B, B = 127 or 1023. Without VSCALEF it is two normal factors
// 2^(n / 2) of which the first multiplication is exact for |a| in [2^-B/2, 2^B/2].
template <class T, int R>
struct PowerOfTwo {
#if defined(__AVX512F__)
  Vec<T, R> n;
#else
  Vec<T, R> first, second;
#endif
};

template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  static constexpr int kMantissa = 23;  // bits stored
  static constexpr std::uint32_t kBias = 127;
  static constexpr std::uint32_t kOne = 0x3f800000u;    // the bits of 1
  static constexpr std::uint32_t kRound = 0x4b400000u;  // the bits of kRoundValue
  // 1.5 * 2^23: (x + kRoundValue) - kRoundValue is x rounded to an integer for |x| < 2^22, and the
  // sum's bits less kRound are that integer.
  static constexpr float kRoundValue = 0x1.8p23f;
};
template <>
struct FloatFormat<double> {
  static constexpr int kMantissa = 52;
  static constexpr std::uint64_t kBias = 1023;
  static constexpr std::uint64_t kOne = 0x3ff0000000000000u;
  static constexpr std::uint64_t kRound = 0x4338000000000000u;
  static constexpr double kRoundValue = 0x1.8p52;
};

// The k of 2^k <= y < 2^(k + 1), from the bits of a normal and finite y > 0.
template <class T, int R>
FASTNET_INLINE Vec<T, R> exponent(Vec<Uint<T>, R> bits) {
#if defined(__AVX512F__)
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    if constexpr (sizeof(T) == 4) {
      v.r[i] = (Native<T>)_mm512_maskz_getexp_ps(0xffff, (__m512)bits.r[i]);
    } else {
      v.r[i] = (Native<T>)_mm512_maskz_getexp_pd(0xff, (__m512d)bits.r[i]);
    }
  }
  return v;
#else
  using F = FloatFormat<T>;
  constexpr T offset = F::kRoundValue + static_cast<T>(F::kBias);
  return bitcast<T>(shift_right<F::kMantissa>(bits) + splat<Uint<T>, R>(F::kRound)) -
         splat<T, R>(offset);
#endif
}

template <class T, int R>
FASTNET_INLINE PowerOfTwo<T, R> power_of_two(Vec<T, R> n) {
#if defined(__AVX512F__)
  return {n};
#else
  using F = FloatFormat<T>;
  using U = Uint<T>;
  // n + 2 B > 0, halved by a logical shift (there is no arithmetic one for 64 bits in AVX2).
  const Vec<U, R> whole = bitcast<U>(n + splat<T, R>(F::kRoundValue)) -
                          splat<U, R>(static_cast<U>(F::kRound - 2 * F::kBias));
  const Vec<U, R> half = shift_right<1>(whole);
  return {bitcast<T>(shift_left<F::kMantissa>(half)),
          bitcast<T>(shift_left<F::kMantissa>(whole - half))};
#endif
}

// a 2^n.
template <class T, int R>
FASTNET_INLINE Vec<T, R> scaled(Vec<T, R> a, PowerOfTwo<T, R> power) {
#if defined(__AVX512F__)
  // The masked forms with all lanes on: GCC 12 takes the others' third operand for uninitialized.
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    if constexpr (sizeof(T) == 4) {
      v.r[i] = (Native<T>)_mm512_maskz_scalef_ps(0xffff, (__m512)a.r[i], (__m512)power.n.r[i]);
    } else {
      v.r[i] = (Native<T>)_mm512_maskz_scalef_pd(0xff, (__m512d)a.r[i], (__m512d)power.n.r[i]);
    }
  }
  return v;
#else
  return a * power.first * power.second;
#endif
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
