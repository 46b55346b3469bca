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

constexpr std::uint64_t kPhiloxM0 = 0xD2511F53u, kPhiloxM1 = 0xCD9E8D57u;

// What counters whose upper three words agree have in common after two rounds: of each round one
// product. Keys are mixed in.
struct PhiloxStart {
  std::uint64_t c2, next_c0, next_c2, third_c2;
};

// Of the counters (high, 2^32 upper + i) for i < 2^32.
FASTNET_INLINE PhiloxStart philox_start(const PhiloxKeys& keys, std::uint64_t high,
                                        std::uint32_t upper) {
  const std::uint64_t low = 0xffffffffu;
  const std::uint64_t p1 = kPhiloxM1 * (high & low);
  const std::uint64_t p0 = kPhiloxM0 * (((p1 >> 32) ^ upper ^ keys.k0[0]) & low);
  return {(high >> 32) ^ keys.k1[0], (p1 & low) ^ keys.k0[1], (p0 >> 32) ^ keys.k1[1],
          (p0 & low) ^ keys.k1[2]};
}

// Counters on their way to blocks, in philox_counters' order.
template <int R>
class PhiloxRounds {
 public:
  using V = Vec<std::uint64_t, R>;

  // (high, block), (high, block + 1), ...
  FASTNET_INLINE PhiloxRounds(std::uint64_t high, std::uint64_t block)
      : c0_(philox_counters<R>(block)),
        c1_(shift_right<32>(c0_)),
        c2_(splat<std::uint64_t, R>(high)),
        c3_(splat<std::uint64_t, R>(high >> 32)) {}

  // The same after three rounds, for blocks with start's upper half.
  FASTNET_INLINE PhiloxRounds(const PhiloxKeys& keys, const PhiloxStart& start,
                              std::uint64_t block) {
    const auto common = [](std::uint64_t word) { return splat<std::uint64_t, R>(word); };
    const V first = mul_wide(common(kPhiloxM0), philox_counters<R>(block));
    c1_ = mul_wide(common(kPhiloxM1), shift_right<32>(first) ^ common(start.c2));
    c0_ = shift_right<32>(c1_) ^ common(start.next_c0);
    c2_ = first ^ common(start.next_c2);
    const V p0 = mul_wide(common(kPhiloxM0), c0_);
    const V p1 = mul_wide(common(kPhiloxM1), c2_);
    c0_ = shift_right<32>(p1) ^ c1_ ^ common(keys.k0[2]);
    c1_ = p1;
    c2_ = shift_right<32>(p0) ^ common(start.third_c2);
    c3_ = p0;
  }

  FASTNET_INLINE void round(const PhiloxKeys& keys, int i) {
    const V p0 = mul_wide(splat<std::uint64_t, R>(kPhiloxM0), c0_);
    const V p1 = mul_wide(splat<std::uint64_t, R>(kPhiloxM1), c2_);
    c0_ = shift_right<32>(p1) ^ c1_ ^ splat<std::uint64_t, R>(keys.k0[i]);
    c1_ = p1;
    c2_ = shift_right<32>(p0) ^ c3_ ^ splat<std::uint64_t, R>(keys.k1[i]);
    c3_ = p0;
  }

  // After all rounds.
  FASTNET_INLINE PhiloxLanes<R> lanes() const { return {c0_, c1_, c2_, c3_}; }

 private:
  V c0_, c1_, c2_, c3_;
};

// The blocks at counters (high, block), (high, block + 1), ..., in philox_counters' order.
template <int R>
FASTNET_INLINE PhiloxLanes<R> philox_lanes(const PhiloxKeys& keys, std::uint64_t high,
                                           std::uint64_t block) {
  PhiloxRounds<R> rounds(high, block);
#pragma GCC unroll 10
  for (int i = 0; i < kPhiloxRounds; ++i) rounds.round(keys, i);
  return rounds.lanes();
}
template <int R>
FASTNET_INLINE PhiloxLanes<R> philox_lanes(const PhiloxKeys& keys, const PhiloxStart& start,
                                           std::uint64_t block) {
  PhiloxRounds<R> rounds(keys, start, block);
#pragma GCC unroll 10
  for (int i = 3; i < kPhiloxRounds; ++i) rounds.round(keys, i);
  return rounds.lanes();
}

// The words of the same blocks, in order; `high` may be a PhiloxStart.
template <int R, class High>
FASTNET_INLINE Vec<std::uint32_t, 2 * R> philox(const PhiloxKeys& keys, const High& high,
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
