// Draws what random.hpp defines, in chunks on all threads.
#include "engine/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "engine/elementwise.hpp"
#include "engine/words.hpp"

namespace fastnet {
namespace {

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

namespace {

// Calls put(i, category) for each position.
template <class Put>
void draw_categories(const AliasColumn* table, Index categories, std::uint64_t key,
                     std::uint64_t stream, std::uint64_t position, Index n,
                     const Put& put) noexcept {
  const std::uint64_t high = counter_high(Law::kCategorical, stream << kCountBits);
  for_words(key, high, position, n, [&](Index i, const std::uint32_t* words, Index count) {
    for (Index l = 0; l < count; ++l) {
      const Uint128 product =
          static_cast<Uint128>(word_of(words + 2 * l)) * static_cast<std::uint64_t>(categories);
      const std::int64_t own = static_cast<std::int64_t>(product >> 64);
      const AliasColumn column = table[own];
      put(i + l, static_cast<std::uint64_t>(product) < column.threshold ? own : column.alias);
    }
  });
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
      return random.bernoulli(key, high(Law::kBernoulli, Law::kBernoulli), position,
                              threshold_of(static_cast<double>(law.a)), out, n);
    }
    case Distribution::kCategorical:
      return draw_categories(
          law.table->columns(), law.table->size(), key, stream, position, n,
          [&](Index i, std::int64_t category) { out[i] = static_cast<T>(category); });
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
      return 0.8;
    case Distribution::kCategorical:
      return 2;
  }
  return 1;
}

}  // namespace

template <class T>
void sample(const Draw<T>& law, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
            T* out, Index n) noexcept {
  for_elements(n, cost(law.kind) * sizeof(T) / 4, [&](Index begin, Index end) {
    draw(law, key, stream, position + static_cast<std::uint64_t>(begin), out + begin, end - begin);
  });
}

void sample_categories(const AliasTable& table, std::uint64_t key, std::uint64_t stream,
                       std::uint64_t position, std::int64_t* out, Index n) noexcept {
  for_elements(n, cost(Distribution::kCategorical), [&](Index begin, Index end) {
    draw_categories(table.columns(), table.size(), key, stream,
                    position + static_cast<std::uint64_t>(begin), end - begin,
                    [&](Index i, std::int64_t category) { out[begin + i] = category; });
  });
}

namespace {

// Coins of one probability, and of one each.
void draw_coins(double p, std::uint64_t key, std::uint64_t high, std::uint64_t position, bool* out,
                Index n) noexcept {
  if (!(p < 1)) return std::fill(out, out + n, true);
  alignas(64) float values[kWords];
  for (Index i = 0; i < n; i += kWords) {
    const Index count = n - i < kWords ? n - i : kWords;
    kernels().f32.random.bernoulli(key, high, position + static_cast<std::uint64_t>(i),
                                   threshold_of(p), values, count);
    for (Index l = 0; l < count; ++l) out[i + l] = values[l] != 0;
  }
}

void draw_coins(const double* p, std::uint64_t key, std::uint64_t high, std::uint64_t position,
                bool* out, Index n) noexcept {
  // Position's word is one half of the 64-bit word at position / 2.
  const Index skip = static_cast<Index>(position % 2);
  for_words(key, high, position / 2, (skip + n + 1) / 2,
            [&](Index i, const std::uint32_t* words, Index count) {
              for (Index l = 0; l < 2 * count; ++l) {
                const Index at = 2 * i + l - skip;
                if (at < 0 || at >= n) continue;
                const std::uint64_t threshold = p[at] < 1 ? threshold_of(p[at]) : 0;
                const std::uint32_t upper = static_cast<std::uint32_t>(threshold >> 32);
                out[at] = words[l] < upper || !(p[at] < 1);
                if (words[l] != upper || out[at]) continue;
                const std::uint64_t place = position + static_cast<std::uint64_t>(at);
                const std::uint64_t next =
                    one_word(key, high + 1, place / 4, static_cast<int>(place % 4 / 2));
                out[at] = static_cast<std::uint32_t>(place % 2 == 0 ? next : next >> 32) <
                          static_cast<std::uint32_t>(threshold);
              }
            });
}

}  // namespace

void sample_coins(const double* p, Index step, std::uint64_t key, std::uint64_t stream,
                  std::uint64_t position, bool* out, Index n) noexcept {
  const std::uint64_t high = counter_high(Law::kBernoulli, stream << kCountBits);
  for_elements(n, 1, [&](Index begin, Index end) {
    const std::uint64_t first = position + static_cast<std::uint64_t>(begin);
    if (step == 0) {
      draw_coins(*p, key, high, first, out + begin, end - begin);
    } else {
      draw_coins(p + begin, key, high, first, out + begin, end - begin);
    }
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

void permutation(std::uint64_t key, std::uint64_t ticket, Index begin, Index n,
                 std::int64_t* out) noexcept {
  const std::uint64_t high = counter_high(Law::kPermutation, ticket);
  const auto first = static_cast<std::uint64_t>(begin);
  for_words(key, high, first, n - begin, [&](Index at, const std::uint32_t* words, Index count) {
    for (Index l = 0; l < count; ++l) {
      const Index i = begin + at + l;
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
