// Functions of samples: expressions, networks, C functions, values that are there already.
//
// Each gives the values of a run of samples on the calling thread, in memory it is lent.
#pragma once

#include <vector>

#include "engine/chunk_tree.hpp"
#include "engine/expression.hpp"
#include "engine/inference.hpp"
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

// A function of samples.
template <class T>
class Integrand {
 public:
  virtual ~Integrand() = default;
  virtual Index outputs() const = 0;
  // Elements of the memory that values() works in, from a cache line on.
  virtual Index workspace() const = 0;
  // Roughly what a sample takes on one thread.
  virtual double nanoseconds() const = 0;
  // Samples that values() does best at a time, 16 or a multiple of it.
  virtual Index piece() const { return kChunk; }
  // out[o * row + i] = output o of sample first + i, for i < n <= row, where row is piece() or
  // kChunk.
  virtual void values(std::uint64_t first, Index n, T* workspace, T* out,
                      Index row) const noexcept = 0;
};

template <class T>
class ExpressionIntegrand : public Integrand<T> {
 public:
  // The expression's columns are columns of the source.
  ExpressionIntegrand(const Source<T>& source, const Expression<T>& expression)
      : source_(source), expression_(expression) {}
  Index outputs() const override { return static_cast<Index>(expression_.outputs().size()); }
  Index workspace() const override { return expression_.workspace(); }
  Index piece() const override { return kExpressionTile<T>; }
  double nanoseconds() const override {
    const double drawn = static_cast<double>(expression_.columns().size());
    return sizeof(T) / 4 * (expression_.nanoseconds() + drawn);
  }
  void values(std::uint64_t first, Index n, T* workspace, T* out,
              Index row) const noexcept override;

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
  void values(std::uint64_t first, Index n, T* workspace, T* out,
              Index row) const noexcept override;

 private:
  const T* x_;
  std::uint64_t first_;
  Index row_, column_, outputs_;
};

// A network, of rows of all columns of the source; rows never leave the cache.
template <class T>
class NetworkIntegrand : public Integrand<T> {
 public:
  NetworkIntegrand(const Source<T>& source, const Network<T>& network)
      : source_(source), network_(network) {}
  Index outputs() const override { return network_.out_features(); }
  Index workspace() const override {
    return predict_memory(network_, kRows) + kRows * (1 + source_.dim() + network_.out_features());
  }
  double nanoseconds() const override {
    return network_.nanoseconds_per_row() + 2.0 * static_cast<double>(source_.dim());
  }
  void values(std::uint64_t first, Index n, T* workspace, T* out,
              Index row) const noexcept override;

 private:
  static constexpr Index kRows = 128;
  const Source<T>& source_;
  const Network<T>& network_;
};

// A C function of a sample, called from any thread.
struct Callback {
  enum class Kind : int { kNumber, kNumberData, kArray, kArrayData, kCount };
  Kind kind;
  void* function;  // double (double), (double, void*), (int, double*), (int, double*, void*)
  void* data;
};

class CallbackIntegrand : public Integrand<double> {
 public:
  CallbackIntegrand(const Source<double>& source, const Callback& callback)
      : source_(source), callback_(callback) {}
  Index outputs() const override { return 1; }
  Index workspace() const override { return source_.dim() * (kChunk + 1); }
  double nanoseconds() const override { return 10.0; }
  void values(std::uint64_t first, Index n, double* workspace, double* out,
              Index row) const noexcept override;

 private:
  const Source<double>& source_;
  Callback callback_;
};

}  // namespace fastnet
