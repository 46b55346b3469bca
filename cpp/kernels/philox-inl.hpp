// Philox4x32-10: blocks of four random words from counters, many counters at a time.
//
// One round maps (c0, c1, c2, c3) to (hi(p1) ^ c1 ^ k0, lo(p1), hi(p0) ^ c3 ^ k1, lo(p0)) with
// p0 = M0 c0 and p1 = M1 c2; there are ten, and after each the key grows by (W0, W1). Every word
// lies in a 64-bit lane, whose upper half may hold anything: the multiplication reads lower halves
// only, and so the two low products need no masking.
//
// How counters are laid out, and which value comes from which word: dispatch/random.hpp.
#pragma once

#include "dispatch/random.hpp"
#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

constexpr int kPhiloxRounds = 10;
// Registers of counters that are worked on at once. A round is a chain of about 5 cycles and 6
// instructions a register; four registers keep 4 units busy, and gave the most on AVX2 (with its
// spills) and on AVX-512 alike: 1.63, 1.93, 2.31 and 2.46, 2.68, 3.05 words a nanosecond for 1, 2
// and 4 on a Zen 4 core.
constexpr int kPhiloxRegisters = 4;

struct PhiloxKeys {
  std::uint64_t k0[kPhiloxRounds], k1[kPhiloxRounds];
};

FASTNET_INLINE PhiloxKeys philox_keys(std::uint64_t key) {
  PhiloxKeys keys;
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  for (int i = 0; i < kPhiloxRounds; ++i) {
    keys.k0[i] = k0;
    keys.k1[i] = k1;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return keys;
}

// Blocks in R registers of counters.
template <int R>
constexpr Index kPhiloxBlocks = Vec<std::uint64_t, R>::kLanes;

// block + i for the i-th counter. Within a register of N lanes the even lanes have the first N / 2
// counters and the odd ones the others: zip_even and zip_odd then bring the words into order.
template <int R>
FASTNET_INLINE Vec<std::uint64_t, R> philox_counters(std::uint64_t block) {
  constexpr int lanes = Vec<std::uint64_t, 1>::kLanes;
  std::uint64_t order[lanes];
#pragma GCC unroll 8
  for (int l = 0; l < lanes; ++l) {
    order[l] = static_cast<std::uint64_t>(l / 2 + l % 2 * (lanes / 2));
  }
  const Vec<std::uint64_t, 1> step = load<std::uint64_t, 1>(order);
  Vec<std::uint64_t, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    v.r[i] = step.r[0] + (block + static_cast<std::uint64_t>(i * lanes));
  }
  return v;
}

// The four words of each block in the lower halves of the lanes; the upper halves hold anything.
template <int R>
struct PhiloxLanes {
  Vec<std::uint64_t, R> word0, word1, word2, word3;
};

// a's lower halves below b's.
template <int R>
FASTNET_INLINE Vec<std::uint64_t, R> join_halves(Vec<std::uint64_t, R> a, Vec<std::uint64_t, R> b) {
  return (a & splat<std::uint64_t, R>(0xffffffffu)) | shift_left<32>(b);
}

// The blocks at counters (high, block), (high, block + 1), ..., in philox_counters' order.
template <int R>
FASTNET_INLINE PhiloxLanes<R> philox_lanes(const PhiloxKeys& keys, std::uint64_t high,
                                           std::uint64_t block) {
  using V = Vec<std::uint64_t, R>;
  const V m0 = splat<std::uint64_t, R>(0xD2511F53u), m1 = splat<std::uint64_t, R>(0xCD9E8D57u);
  V c0 = philox_counters<R>(block);
  V c1 = shift_right<32>(c0);
  V c2 = splat<std::uint64_t, R>(high);
  V c3 = splat<std::uint64_t, R>(high >> 32);
#pragma GCC unroll 10
  for (int i = 0; i < kPhiloxRounds; ++i) {
    const V p0 = mul_wide(m0, c0);
    const V p1 = mul_wide(m1, c2);
    c0 = shift_right<32>(p1) ^ c1 ^ splat<std::uint64_t, R>(keys.k0[i]);
    c1 = p1;
    c2 = shift_right<32>(p0) ^ c3 ^ splat<std::uint64_t, R>(keys.k1[i]);
    c3 = p0;
  }
  return {c0, c1, c2, c3};
}

// The words of the same blocks, in order.
template <int R>
FASTNET_INLINE Vec<std::uint32_t, 2 * R> philox(const PhiloxKeys& keys, std::uint64_t high,
                                                std::uint64_t block) {
  const PhiloxLanes<R> lanes = philox_lanes<R>(keys, high, block);
  const Vec<std::uint64_t, R> first = join_halves(lanes.word0, lanes.word1);
  const Vec<std::uint64_t, R> second = join_halves(lanes.word2, lanes.word3);
  Vec<std::uint32_t, 2 * R> words;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    words.r[2 * i] = (Native<std::uint32_t>)zip_even(first.r[i], second.r[i]);
    words.r[2 * i + 1] = (Native<std::uint32_t>)zip_odd(first.r[i], second.r[i]);
  }
  return words;
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
