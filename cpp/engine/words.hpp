// Runs of 64-bit random words, and single ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;
__extension__ typedef unsigned __int128 Uint128;

// Words that are drawn at a time: 4 KiB, which stay in the innermost cache.
constexpr Index kWords = 512;

inline std::uint64_t word_of(const std::uint32_t* halves) noexcept {
  return halves[0] | static_cast<std::uint64_t>(halves[1]) << 32;
}

// The upper 53 bits as a number in [0, 1).
inline double unit_interval(std::uint64_t word) noexcept {
  return static_cast<double>(word >> 11) * 0x1p-53;
}

// Calls body(i, words, count) for runs of the 64-bit words at position, position + 1, ...: words[l]
// is that of position + i + l, in two halves, for l < count.
template <class Body>
void for_words(std::uint64_t key, std::uint64_t high, std::uint64_t position, Index n,
               const Body& body) noexcept {
  alignas(64) std::uint32_t words[2 * kWords];
  const auto blocks = kernels().bits.blocks;
  // Only the first run may begin within a block of two.
  Index skip = static_cast<Index>(position % 2);
  std::uint64_t block = position / 2;
  for (Index i = 0; i < n;) {
    const Index count = n - i < kWords - skip ? n - i : kWords - skip;
    blocks(key, high, block, words, (skip + count + 1) / 2);
    body(i, words + 2 * skip, count);
    i += count;
    block += kWords / 2;
    skip = 0;
  }
}

}  // namespace fastnet
