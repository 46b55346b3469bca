// Random numbers into arrays: the laws that need no attempts but one, integers, permutations.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dispatch/random.hpp"
#include "engine/alias.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// A number that threads take runs of: where a Generator stands.
class Counter {
 public:
  // Stands at `value` and ends before `limit`, at least value.
  Counter(std::uint64_t value, std::uint64_t limit) : value_(value), limit_(limit) {}
  // The first of the next n numbers, in *first; false, taking none, if fewer are left. The numbers
  // that a Counter gives to different callers never overlap.
  bool take(std::uint64_t n, std::uint64_t* first) noexcept {
    std::uint64_t value = value_.load(std::memory_order_relaxed);
    do {
      if (n > limit_ - value) return false;
    } while (!value_.compare_exchange_weak(value, value + n, std::memory_order_relaxed));
    *first = value;
    return true;
  }
  std::uint64_t limit() const noexcept { return limit_; }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_;
  std::uint64_t limit_;
};

// The laws that draw() knows, with their parameters a and b.
enum class Distribution : int {
  kUniform,      // low, high
  kNormal,       // mean, standard deviation
  kLognormal,    // mean and standard deviation of the logarithm
  kExponential,  // shift, scale
  kLaplace,      // mean, scale
  kBernoulli,    // probability of 1
  kCategorical,  // none; the number of a category of the table
};

// A law and its parameters, which the caller has checked: finite, scales not negative, low <= high.
template <class T>
struct Draw {
  Distribution kind;
  T a, b;
  const AliasTable* table = nullptr;  // of kCategorical
};

// out[i] = the law's value at position + i, on the calling thread; the same that sample() gives.
template <class T>
void draw(const Draw<T>& law, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
          T* out, Index n) noexcept;

// The same on all threads.
template <class T>
void sample(const Draw<T>& law, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
            T* out, Index n) noexcept;

// out[i] = the category at position + i.
void sample_categories(const AliasTable& table, std::uint64_t key, std::uint64_t stream,
                       std::uint64_t position, std::int64_t* out, Index n) noexcept;

// out[i] = whether the coin at position + i, of probability p[i step], shows 1: the same that
// Distribution::kBernoulli gives.
void sample_coins(const double* p, Index step, std::uint64_t key, std::uint64_t stream,
                  std::uint64_t position, bool* out, Index n) noexcept;

// out[i] = low + (the integer in [0, last] at position + i), modulo 2^64.
void sample_integers(std::uint64_t key, std::uint64_t stream, std::uint64_t position,
                     std::uint64_t low, std::uint64_t last, std::uint64_t* out, Index n) noexcept;

// out = the permutation of 0 ... n - 1 that belongs to a ticket; n < 2^41. Where out has that of
// 0 ... begin - 1 already, it goes on from there. Knuth's shuffle (The Art of Computer Programming
// 2, algorithm 3.4.2P) inside out: step i moves out[j] to place i and puts i at place j, for a
// random j in [0, i].
void permutation(std::uint64_t key, std::uint64_t ticket, Index begin, Index n,
                 std::int64_t* out) noexcept;

}  // namespace fastnet
