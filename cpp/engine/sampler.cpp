// Draws what random.hpp defines, in chunks on all threads.
#include "engine/sampler.hpp"

#include <cmath>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "engine/elementwise.hpp"

namespace fastnet {
namespace {

__extension__ typedef unsigned __int128 Uint128;

// 64-bit words at consecutive positions, made in chunks that stay in the innermost cache.
class Words {
 public:
  Words(std::uint64_t key, std::uint64_t high, std::uint64_t position, Index n)
      : key_(key), high_(high), block_(position / 2), left_(n + static_cast<Index>(position % 2)) {
    refill();
    at_ = static_cast<int>(position % 2);
  }
  std::uint64_t next() noexcept {
    if (at_ == kWords) refill();
    return word(at_++);
  }

 private:
  static constexpr int kWords = 256;

  std::uint64_t word(int i) const noexcept {
    return buffer_[2 * i] | static_cast<std::uint64_t>(buffer_[2 * i + 1]) << 32;
  }
  void refill() noexcept {
    const Index n = left_ < kWords ? left_ : kWords;
    if (n > 0) kernels().bits.blocks(key_, high_, block_, buffer_, (n + 1) / 2);
    left_ -= n;
    block_ += kWords / 2;
    at_ = 0;
  }

  std::uint64_t key_, high_, block_;
  Index left_;
  int at_ = 0;
  alignas(64) std::uint32_t buffer_[2 * kWords];
};

// The word of `half` (0 or 1) of one block.
std::uint64_t one_word(std::uint64_t key, std::uint64_t high, std::uint64_t block, int half) {
  std::uint32_t words[4];
  kernels().bits.blocks(key, high, block, words, 1);
  return words[2 * half] | static_cast<std::uint64_t>(words[2 * half + 1]) << 32;
}

// An integer in [0, last] from a word, or from those that again(1), again(2), ... give.
template <class Again>
std::uint64_t bounded(std::uint64_t word, std::uint64_t last, const Again& again) {
  const std::uint64_t span = last + 1;
  if (span == 0) return word;
  Uint128 product = static_cast<Uint128>(word) * span;
  if (static_cast<std::uint64_t>(product) < span) {
    const std::uint64_t threshold = (0 - span) % span;  // 2^64 mod span
    for (std::uint64_t attempt = 1; static_cast<std::uint64_t>(product) < threshold; ++attempt) {
      product = static_cast<Uint128>(again(attempt)) * span;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

template <class T>
void sample_uniform(std::uint64_t key, std::uint64_t stream, std::uint64_t position, T low, T high,
                    T* out, Index n) noexcept {
  const auto uniform = kernels().of<T>().random.uniform;
  const Law law = sizeof(T) == 4 ? Law::kUniform32 : Law::kUniform64;
  const std::uint64_t words = counter_high(law, stream << kCountBits);
  const T below = std::nextafter(high, -std::numeric_limits<T>::infinity());
  const UniformRange<T> range{low, high - low, below < low ? low : below};
  for_elements(n, 0.4 * sizeof(T) / 4, [&](Index begin, Index end) {
    uniform(key, words, position + static_cast<std::uint64_t>(begin), range, out + begin,
            end - begin);
  });
}

void sample_integers(std::uint64_t key, std::uint64_t stream, std::uint64_t position,
                     std::uint64_t low, std::uint64_t last, std::uint64_t* out, Index n) noexcept {
  const std::uint64_t high = counter_high(Law::kInteger, stream << kCountBits);
  for_elements(n, 1.5, [&](Index begin, Index end) {
    const std::uint64_t first = position + static_cast<std::uint64_t>(begin);
    Words words(key, high, first, end - begin);
    for (Index i = begin; i < end; ++i) {
      const std::uint64_t p = position + static_cast<std::uint64_t>(i);
      const auto again = [&](std::uint64_t attempt) {
        return one_word(key, high + attempt, p / 2, static_cast<int>(p % 2));
      };
      out[i] = low + bounded(words.next(), last, again);
    }
  });
}

void permutation(std::uint64_t key, std::uint64_t ticket, Index n, std::int64_t* out) noexcept {
  const std::uint64_t high = counter_high(Law::kPermutation, ticket);
  Words words(key, high, 0, n);
  for (Index i = 0; i < n; ++i) {
    const auto again = [&](std::uint64_t attempt) {
      const std::uint64_t block = static_cast<std::uint64_t>(i) / 2 + (attempt << 40);
      return one_word(key, high, block, static_cast<int>(i % 2));
    };
    const std::uint64_t j = bounded(words.next(), static_cast<std::uint64_t>(i), again);
    out[i] = out[j];
    out[j] = i;
  }
}

template void sample_uniform(std::uint64_t, std::uint64_t, std::uint64_t, float, float, float*,
                             Index) noexcept;
template void sample_uniform(std::uint64_t, std::uint64_t, std::uint64_t, double, double, double*,
                             Index) noexcept;

}  // namespace fastnet
