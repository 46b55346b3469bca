// A compiled expression: steps, constants, which columns of a sample it reads, what it gives.
#pragma once

#include <algorithm>
#include <vector>

#include "core/buffer.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

template <class T>
class Expression {
 public:
  // The caller has checked that steps and outputs name registers and constants that exist. Columns
  // are expected in registers 0, 1, ...
  Expression(std::vector<ExpressionStep> steps, const std::vector<T>& constants, Index registers,
             std::vector<Index> columns, std::vector<Index> outputs)
      : steps_(std::move(steps)),
        columns_(std::move(columns)),
        outputs_(std::move(outputs)),
        registers_(registers) {
    const Index count = static_cast<Index>(constants.size());
    constants_.reserve(std::max<Index>(count, 1) * kAlignment);
    T* p = constants_.template as<T>();
    for (const T c : constants) p = std::fill_n(p, kExpressionConstant<T>, c);
  }

  const std::vector<Index>& columns() const { return columns_; }
  const std::vector<Index>& outputs() const { return outputs_; }
  // Elements of the memory that run() works in.
  Index workspace() const { return registers_ * kExpressionTile<T>; }
  // Roughly what a sample takes on one thread.
  double nanoseconds() const { return 0.1 + 0.1 * static_cast<double>(steps_.size()); }

  static T* column(T* registers, Index i) { return registers + i * kExpressionTile<T>; }
  const T* output(const T* registers, Index i) const {
    return registers + outputs_[static_cast<std::size_t>(i)] * kExpressionTile<T>;
  }
  // For n <= kExpressionTile<T> samples whose columns are in place.
  void run(T* registers, Index n) const noexcept {
    kernels().of<T>().expression.evaluate(steps_.data(), static_cast<Index>(steps_.size()),
                                          constants_.template as<T>(), registers, n);
  }

 private:
  std::vector<ExpressionStep> steps_;
  std::vector<Index> columns_, outputs_;
  Index registers_;
  Buffer constants_;
};

}  // namespace fastnet
