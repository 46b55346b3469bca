// Groups of narrow numbers multiplied and added up in 32-bit lanes, with the intrinsics for it.
//
// A lane holds a group of 4 bytes: two bf16 or four bytes. Bf16Dot and Int8Dot say what becomes of
// a register of weights and of a row's group in all lanes before the loop over rows (Operand), and
// how a product joins a sum; with the extensions of AVX-512 that is one instruction.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

using Words = Vec<std::int32_t, 1>;

struct Bf16Dot {
  using Sum = float;
  static constexpr Index kGroup = 2;
#if defined(__AVX512BF16__)
  static constexpr bool kExtension = true;
  using Operand = Words;
  static FASTNET_INLINE Operand row_operand(Words w) { return w; }
  static FASTNET_INLINE Operand weight_operand(Words w) { return w; }
  static FASTNET_INLINE Vec<float, 1> add(Vec<float, 1> sum, Operand a, Operand b) {
    return {(Native<float>)_mm512_dpbf16_ps((__m512)sum.r[0], (__m512bh)a.r[0], (__m512bh)b.r[0])};
  }
#else
  static constexpr bool kExtension = false;
  struct Operand {
    Vec<float, 1> first, second;
  };
  // A bf16 is the upper half of a float32.
  static FASTNET_INLINE Operand row_operand(Words w) {
    return {bitcast<float>(shift_left<16>(w)),
            bitcast<float>(w & splat<std::int32_t, 1>(-0x10000))};
  }
  static FASTNET_INLINE Operand weight_operand(Words w) { return row_operand(w); }
  static FASTNET_INLINE Vec<float, 1> add(Vec<float, 1> sum, Operand a, Operand b) {
    return fma(a.second, b.second, fma(a.first, b.first, sum));
  }
#endif
};

// Products of the 16-bit halves of each lane, signed, and their sum.
FASTNET_INLINE Words multiply_halves(Words a, Words b) {
#if defined(__AVX512BW__)
  // The masked form: see mul_wide.
  return {(Native<std::int32_t>)_mm512_maskz_madd_epi16(0xffff, (__m512i)a.r[0], (__m512i)b.r[0])};
#elif defined(__AVX2__)
  return {(Native<std::int32_t>)_mm256_madd_epi16((__m256i)a.r[0], (__m256i)b.r[0])};
#elif defined(__SSE2__)
  return {(Native<std::int32_t>)_mm_madd_epi16((__m128i)a.r[0], (__m128i)b.r[0])};
#else
  return shift_right<16>(shift_left<16>(a)) * shift_right<16>(shift_left<16>(b)) +
         shift_right<16>(a) * shift_right<16>(b);
#endif
}

// Unsigned bytes of rows by signed bytes of weights; no sum is rounded or saturated.
struct Int8Dot {
  using Sum = std::int32_t;
  static constexpr Index kGroup = 4;
#if defined(__AVX512VNNI__)
  static constexpr bool kExtension = true;
  using Operand = Words;
  static FASTNET_INLINE Operand row_operand(Words w) { return w; }
  static FASTNET_INLINE Operand weight_operand(Words w) { return w; }
  static FASTNET_INLINE Words add(Words sum, Operand a, Operand b) {
    return {(Native<std::int32_t>)_mm512_dpbusd_epi32((__m512i)sum.r[0], (__m512i)a.r[0],
                                                      (__m512i)b.r[0])};
  }
#else
  static constexpr bool kExtension = false;
  // The even bytes and the odd ones, widened to 16 bits.
  struct Operand {
    Words even, odd;
  };
  static FASTNET_INLINE Operand row_operand(Words w) {
    const Words low = splat<std::int32_t, 1>(0x00ff00ff);
    return {w & low, shift_right<8>(w) & low};
  }
  static FASTNET_INLINE Operand weight_operand(Words w) {
    using Half = std::int16_t;
    typedef Half Halves __attribute__((vector_size(kNativeBytes)));
    const auto halves = (Halves)w.r[0];
    return {{(Native<std::int32_t>)((Halves)(halves << 8) >> 8)},
            {(Native<std::int32_t>)(halves >> 8)}};
  }
  // Modulo 2^32, like the instruction: what a partial sum exceeds, the offset takes back.
  static FASTNET_INLINE Words add(Words sum, Operand a, Operand b) {
    return bitcast<std::int32_t>(bitcast<std::uint32_t>(sum) +
                                 bitcast<std::uint32_t>(multiply_halves(a.even, b.even)) +
                                 bitcast<std::uint32_t>(multiply_halves(a.odd, b.odd)));
  }
#endif
};

// The lower bits of each lane as To, an unsigned integer of 1 or 2 bytes, to memory.
template <class To>
FASTNET_INLINE void store_narrow(std::uint8_t* p, Vec<std::uint32_t, 1> v) {
  constexpr int bytes = Vec<std::uint32_t, 1>::kLanes * static_cast<int>(sizeof(To));
  typedef To Narrow __attribute__((vector_size(bytes)));
  const Narrow narrow = __builtin_convertvector(v.r[0], Narrow);
  std::memcpy(p, &narrow, sizeof narrow);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
