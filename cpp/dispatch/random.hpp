// Counter-based random numbers: which counter a value comes from, and the kernels that make them.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3") is
// a keyed bijection of 128-bit counters: a block of four 32-bit words for each. A counter's upper
// 64 bits say what is drawn and its lower 64 bits which block of it:
//
//   bits 120..127  law      (Law)
//   bits 104..119  stream   (Generator.jumped)
//   bits  64..103  count    (the attempt, or the ticket's number)
//   bits   0.. 63  block
//
// so no counter serves two purposes, and a value is a pure function of key, stream, law and
// position, whatever the call, chunk, thread or ISA level that draws it. Words of a block are
// numbered from the counter's lowest; a 64-bit word is two of them, the first below the second.
//
//   kUniform32     value p: word 32-bit number p % 4 of block p / 4; (word >> 8) 2^-24
//   kUniform64     value p: 64-bit word p % 2 of block p / 2; (word >> 11) 2^-53
//   kInteger       value p: 64-bit word p % 2 of block p / 2, bounded by Lemire's multiplication
//                  (2019, "Fast random integer generation in an interval"): high half of word *
//                  span, rejected where the low half is below 2^64 mod span; the next attempt adds
//                  1 to count. Without bias for every span.
//   kPermutation   step i of the permutation of a ticket (count = its number): an integer in [0, i]
//                  as above, from 64-bit word i % 2 of block i / 2 + 2^40 attempt
//   kDropout       element (row, column) under a ticket: word column % 4 of block
//                  2^32 row + column / 4; dropped where the word is below p 2^32
//
// kStreamVersion goes up whenever a value changes; laws are only added, never renumbered.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

constexpr int kStreamVersion = 1;

enum class Law : std::uint64_t {
  kBits,
  kUniform32,
  kUniform64,
  kInteger,
  kPermutation,
  kDropout,
};

constexpr int kStreamBits = 16;
constexpr int kCountBits = 40;

// A ticket names one use of a whole plane of blocks: its stream and its number in that stream.
constexpr std::uint64_t kTicketLimit = std::uint64_t(1) << (kStreamBits + kCountBits);

// The upper half of the counters of a law at a ticket; for laws of positions the ticket is
// stream << kCountBits, plus the attempt. Always inlined: a copy of its own would be shared between
// ISA levels.
__attribute__((always_inline)) constexpr std::uint64_t counter_high(Law law, std::uint64_t ticket) {
  return static_cast<std::uint64_t>(law) << (kStreamBits + kCountBits) | ticket;
}

struct BitsKernels {
  // words[4 i + j] = word j of the block at counter (high, block + i), for i < n.
  void (*blocks)(std::uint64_t key, std::uint64_t high, std::uint64_t block, std::uint32_t* words,
                 std::ptrdiff_t n) noexcept;
};

// Uniform values low + width * u, at most `top`: rounding may otherwise reach the upper end.
template <class T>
struct UniformRange {
  T low, width, top;
};

template <class T>
struct RandomKernels {
  // out[i] = the uniform value at position + i, for i < n: the product and the sum are rounded one
  // by one, so that every level gives the same bits.
  void (*uniform)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                  const UniformRange<T>& range, T* out, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
