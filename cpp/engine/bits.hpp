// A sequence of raw random words, one after another: what other libraries draw their laws from.
#pragma once

#include <cstdint>

#include "engine/words.hpp"

namespace fastnet {

// The 64-bit words of law kBits of one stream, from a buffer that is filled in SIMD. 32-bit words
// are the lower and then the upper half of one of them.
class BitSource {
 public:
  std::uint64_t next64() noexcept {
    if (at_ == kWords) {
      first_ += kWords;
      at_ = 0;
      fill();
    }
    return word_of(words_ + 2 * at_++);
  }
  std::uint32_t next32() noexcept {
    if (has_half_) {
      has_half_ = false;
      return half_;
    }
    const std::uint64_t word = next64();
    has_half_ = true;
    half_ = static_cast<std::uint32_t>(word >> 32);
    return static_cast<std::uint32_t>(word);
  }

  std::uint64_t key() const noexcept { return key_; }
  std::uint64_t stream() const noexcept { return stream_; }
  // The number of the next 64-bit word, modulo 2^64.
  std::uint64_t position() const noexcept { return first_ + static_cast<std::uint64_t>(at_); }
  bool has_half() const noexcept { return has_half_; }
  std::uint32_t half() const noexcept { return half_; }
  // Goes to a word of a stream; `half`: what next32 gives first, if `has_half`.
  void set(std::uint64_t key, std::uint64_t stream, std::uint64_t position, bool has_half,
           std::uint32_t half) noexcept {
    key_ = key;
    stream_ = stream;
    has_half_ = has_half;
    half_ = half;
    // Buffers begin at multiples of their size, and one is filled when its first word is due.
    at_ = static_cast<Index>(position % kWords);
    first_ = position - static_cast<std::uint64_t>(at_);
    if (at_ > 0) return fill();
    first_ -= kWords;
    at_ = kWords;
  }

 private:
  void fill() noexcept {
    const std::uint64_t high = counter_high(Law::kBits, stream_ << kCountBits);
    kernels().bits.blocks(key_, high, first_ / 2, words_, kWords / 2);
  }

  std::uint64_t key_ = 0, stream_ = 0;
  std::uint64_t first_ = 0 - static_cast<std::uint64_t>(kWords);  // the buffer's first word
  Index at_ = kWords;                                             // the next one within it
  bool has_half_ = false;
  std::uint32_t half_ = 0;
  alignas(64) std::uint32_t words_[2 * kWords];
};

}  // namespace fastnet
