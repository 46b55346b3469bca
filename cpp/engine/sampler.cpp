// Draws what random.hpp defines, in chunks on all threads.
#include "engine/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "engine/elementwise.hpp"

namespace fastnet {
namespace {

__extension__ typedef unsigned __int128 Uint128;

// Words that are drawn at a time: 4 KiB, which stay in the innermost cache.
constexpr Index kWords = 512;

// Calls body(i, words, count) for runs of the 64-bit words at position, position + 1, ...: words[l]
// is that of position + i + l, for l < count.
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

std::uint64_t word_of(const std::uint32_t* halves) noexcept {
  return halves[0] | static_cast<std::uint64_t>(halves[1]) << 32;
}

// The word of `half` (0 or 1) of one block.
std::uint64_t one_word(std::uint64_t key, std::uint64_t high, std::uint64_t block, int half) {
  std::uint32_t words[4];
  kernels().bits.blocks(key, high, block, words, 1);
  return word_of(words + 2 * half);
}

// An integer in [0, last] from a word, or from those that again(1), again(2), ... give: Lemire's
// method. The high half of word * span is uniform among the words whose low half is at least
// 2^64 mod span; that is below span, so most words need no division.
template <class Again>
std::uint64_t bounded(std::uint64_t word, std::uint64_t last, const Again& again) {
  const std::uint64_t span = last + 1;
  if (span == 0) return word;
  Uint128 product = static_cast<Uint128>(word) * span;
  if (static_cast<std::uint64_t>(product) < span) {
    const std::uint64_t least_low = (0 - span) % span;
    for (std::uint64_t attempt = 1; static_cast<std::uint64_t>(product) < least_low; ++attempt) {
      product = static_cast<Uint128>(again(attempt)) * span;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

template <class T>
void draw(const Draw<T>& law, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
          T* out, Index n) noexcept {
  const auto& random = kernels().of<T>().random;
  const auto high = [&](Law law32, Law law64) {
    return counter_high(sizeof(T) == 4 ? law32 : law64, stream << kCountBits);
  };
  const Affine<T> affine{law.a, law.b};
  switch (law.kind) {
    case Distribution::kUniform: {
      const T below = std::nextafter(law.b, -std::numeric_limits<T>::infinity());
      const UniformRange<T> range{law.a, law.b - law.a, below < law.a ? law.a : below};
      return random.uniform(key, high(Law::kUniform32, Law::kUniform64), position, range, out, n);
    }
    case Distribution::kNormal:
      return random.normal(key, high(Law::kNormal32, Law::kNormal64), position, affine, out, n);
    case Distribution::kLognormal:
      return random.lognormal(key, high(Law::kNormal32, Law::kNormal64), position, affine, out, n);
    case Distribution::kExponential:
      return random.exponential(key, high(Law::kExponential32, Law::kExponential64), position,
                                affine, out, n);
    case Distribution::kLaplace:
      return random.laplace(key, high(Law::kLaplace32, Law::kLaplace64), position, affine, out, n);
    case Distribution::kBernoulli: {
      if (!(law.a < T(1))) return std::fill(out, out + n, T(1));
      const std::uint64_t threshold = static_cast<std::uint64_t>(std::ldexp(double(law.a), 64));
      return random.bernoulli(key, high(Law::kBernoulli, Law::kBernoulli), position, threshold, out,
                              n);
    }
  }
}

namespace {

// Nanoseconds a float32 takes; a float64 takes twice as long.
double cost(Distribution kind) noexcept {
  switch (kind) {
    case Distribution::kUniform:
    case Distribution::kBernoulli:
      return 0.4;
    case Distribution::kExponential:
    case Distribution::kLaplace:
      return 0.7;
    case Distribution::kNormal:
    case Distribution::kLognormal:
      return 0.9;
  }
  return 0.9;
}

}  // namespace

template <class T>
void sample(const Draw<T>& law, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
            T* out, Index n) noexcept {
  for_elements(n, cost(law.kind) * sizeof(T) / 4, [&](Index begin, Index end) {
    draw(law, key, stream, position + static_cast<std::uint64_t>(begin), out + begin, end - begin);
  });
}

void sample_integers(std::uint64_t key, std::uint64_t stream, std::uint64_t position,
                     std::uint64_t low, std::uint64_t last, std::uint64_t* out, Index n) noexcept {
  const std::uint64_t high = counter_high(Law::kInteger, stream << kCountBits);
  for_elements(n, 1.5, [&](Index begin, Index end) {
    const std::uint64_t first = position + static_cast<std::uint64_t>(begin);
    for_words(key, high, first, end - begin, [&](Index i, const std::uint32_t* words, Index count) {
      std::uint64_t* to = out + begin + i;
      for (Index l = 0; l < count; ++l) {
        const auto again = [&](std::uint64_t attempt) {
          const std::uint64_t p = first + static_cast<std::uint64_t>(i + l);
          return one_word(key, high + attempt, p / 2, static_cast<int>(p % 2));
        };
        to[l] = low + bounded(word_of(words + 2 * l), last, again);
      }
    });
  });
}

void permutation(std::uint64_t key, std::uint64_t ticket, Index n, std::int64_t* out) noexcept {
  const std::uint64_t high = counter_high(Law::kPermutation, ticket);
  for_words(key, high, 0, n, [&](Index begin, const std::uint32_t* words, Index count) {
    for (Index l = 0; l < count; ++l) {
      const Index i = begin + l;
      const auto again = [&](std::uint64_t attempt) {
        const std::uint64_t block = static_cast<std::uint64_t>(i) / 2 + (attempt << 40);
        return one_word(key, high, block, static_cast<int>(i % 2));
      };
      const std::uint64_t j = bounded(word_of(words + 2 * l), static_cast<std::uint64_t>(i), again);
      out[i] = out[j];
      out[j] = i;
    }
  });
}

template void draw(const Draw<float>&, std::uint64_t, std::uint64_t, std::uint64_t, float*,
                   Index) noexcept;
template void draw(const Draw<double>&, std::uint64_t, std::uint64_t, std::uint64_t, double*,
                   Index) noexcept;
template void sample(const Draw<float>&, std::uint64_t, std::uint64_t, std::uint64_t, float*,
                     Index) noexcept;
template void sample(const Draw<double>&, std::uint64_t, std::uint64_t, std::uint64_t, double*,
                     Index) noexcept;

}  // namespace fastnet
