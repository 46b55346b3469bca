// Samples drawn tile by tile, a function of them evaluated, its values folded into moments.
//
// Sample i is a pure function of the laws, the keys and i, and moments are merged over a tree of
// chunk numbers: bits do not depend on threads, pieces or order, and memory not on the number of
// samples.
#pragma once

#include <vector>

#include "engine/chunk_tree.hpp"
#include "engine/expression.hpp"
#include "engine/sampler.hpp"

namespace fastnet {

// Where samples come from: column j of sample i is the value of law j under key j at position i.
template <class T>
struct Source {
  std::vector<Draw<T>> laws;
  std::vector<std::uint64_t> keys;

  Index dim() const { return static_cast<Index>(laws.size()); }
  void column(Index j, std::uint64_t first, T* out, Index n) const noexcept {
    const auto k = static_cast<std::size_t>(j);
    draw(laws[k], keys[k], 0, first, out, n);
  }
};

// What is done with a value that is NaN or infinite.
enum class NanPolicy : int { kRaise, kOmit, kPropagate, kCount };

// A function of samples.
template <class T>
class Integrand {
 public:
  virtual ~Integrand() = default;
  virtual Index outputs() const = 0;
  // Elements of the memory that values() works in.
  virtual Index workspace() const = 0;
  // Roughly what a sample takes on one thread.
  virtual double nanoseconds() const = 0;
  // out[o * kChunk + i] = output o of sample first + i, for i < n <= kChunk.
  virtual void values(std::uint64_t first, Index n, T* workspace, T* out) const noexcept = 0;
};

template <class T>
class ExpressionIntegrand : public Integrand<T> {
 public:
  // The expression's columns are columns of the source.
  ExpressionIntegrand(const Source<T>& source, const Expression<T>& expression)
      : source_(source), expression_(expression) {}
  Index outputs() const override { return static_cast<Index>(expression_.outputs().size()); }
  Index workspace() const override { return expression_.workspace(); }
  double nanoseconds() const override {
    const double drawn = static_cast<double>(expression_.columns().size());
    return sizeof(T) / 4 * (expression_.nanoseconds() + drawn);
  }
  void values(std::uint64_t first, Index n, T* workspace, T* out) const noexcept override;

 private:
  const Source<T>& source_;
  const Expression<T>& expression_;
};

// Values that are there already: output o of sample first + i at x[i * row + o * column].
template <class T>
class ArrayIntegrand : public Integrand<T> {
 public:
  ArrayIntegrand(const T* x, std::uint64_t first, Index row, Index column, Index outputs)
      : x_(x), first_(first), row_(row), column_(column), outputs_(outputs) {}
  Index outputs() const override { return outputs_; }
  Index workspace() const override { return 0; }
  double nanoseconds() const override { return 0.5 * static_cast<double>(outputs_); }
  void values(std::uint64_t first, Index n, T* workspace, T* out) const noexcept override;

 private:
  const T* x_;
  std::uint64_t first_;
  Index row_, column_, outputs_;
};

// Chunks [first, first + count), the last of `last_samples` samples.
struct ChunkRange {
  std::uint64_t first, count;
  Index last_samples;
};

// The largest range that estimate() takes: what it keeps until it has merged it.
constexpr std::uint64_t kMaxChunks = std::uint64_t(1) << 16;

// No sample had a value that is NaN or infinite.
constexpr std::uint64_t kAllFinite = ~std::uint64_t(0);

// Adds the chunks of a range to the tree, in which none of them is. With NanPolicy::kRaise the
// first sample of the range that has a value which is NaN or infinite is returned and the tree is
// left as it was; else kAllFinite. Throws std::bad_alloc.
template <class T>
std::uint64_t estimate(const Integrand<T>& integrand, const ChunkRange& range, NanPolicy policy,
                       ChunkTree& tree);

}  // namespace fastnet
