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
//   kNormal32      Box and Muller (1958, "A note on the generation of random normal deviates"):
//   values
//                  4 b and 4 b + 1 are r cos t and r sin t, r from word 0 of block b and t from
//                  word 1; values 4 b + 2 and 4 b + 3 from words 2 and 3. r = sqrt(-2 ln U), where
//                  U = (word + 1/2) 2^-32. t = pi / 2 (d - 1/2) with d = (low 30 bits + 1/2) 2^-30;
//                  the cosine is negated where bit 31 is set, and the two change places where bit
//                  30 is.
//   kNormal64      values 2 b and 2 b + 1 likewise from the two 64-bit words of block b:
//                  U = (upper 53 bits + 1/2) 2^-53, d = (bits 10 to 61, + 1/2) 2^-52, bits 63, 62
//   kExponential32 value p: -ln U of 32-bit word p, as kUniform32 takes it and U as above
//   kExponential64 value p: -ln U of 64-bit word p
//   kLaplace32     value p: 32-bit word p without its highest bit, moved up by one, as
//                  kExponential32; negated where that bit is set
//   kLaplace64     the same with 64-bit words
//   kBernoulli     value p: whether 32-bit word p is below the upper half of P 2^64; where they are
//                  equal, whether word p of the next attempt (1 added to count) is below the lower
//                  half
//   kCategorical   value p: 64-bit word p times the number of categories; the upper half of the
//                  product is a column of the alias table, the lower half is compared with the
//                  column's threshold
//
//   kGamma         value p: attempt i draws a normal and a uniform as kNormal64 and kUniform64 do
//   at
//                  position p, with 4 i and 4 i + 1 added to count; a shape below 1 draws an
//                  exponential as well, with 2 added. Of a beta value's two gammas the second adds
//                  2^32 (engine/gamma.hpp)
//   kPoisson, kBinomial, kGeometric
//                  value p: attempt i takes the two 64-bit words of block p with i added to count
//                  (engine/discrete.hpp). Binomial numbers of p > 1/2 are n less those of 1 - p,
//                  taken from the integer n: exact also beyond 2^53
//
// Lognormal values are exponentials of normal ones; what else Generator draws is made of these.
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
  kNormal32,
  kNormal64,
  kExponential32,
  kExponential64,
  kLaplace32,
  kLaplace64,
  kBernoulli,
  kCategorical,
  kGamma,
  kPoisson,
  kBinomial,
  kGeometric,
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

// shift + scale v.
template <class T>
struct Affine {
  T shift, scale;
};

// Each fills out[i] with the law's value at position + i, for i < n; `high` as counter_high gives
// it. Products and sums are rounded one by one, so that levels without fma give the same bits where
// nothing else is inexact.
template <class T>
struct RandomKernels {
  void (*uniform)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                  const UniformRange<T>& range, T* out, std::ptrdiff_t n) noexcept;
  void (*normal)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                 const Affine<T>& affine, T* out, std::ptrdiff_t n) noexcept;
  // exp(shift + scale z).
  void (*lognormal)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                    const Affine<T>& affine, T* out, std::ptrdiff_t n) noexcept;
  void (*exponential)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                      const Affine<T>& affine, T* out, std::ptrdiff_t n) noexcept;
  void (*laplace)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                  const Affine<T>& affine, T* out, std::ptrdiff_t n) noexcept;
  // 1 with the probability threshold 2^-64, else 0.
  void (*bernoulli)(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                    std::uint64_t threshold, T* out, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
