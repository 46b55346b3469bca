// A compiled expression: steps, constants, which columns of a sample it reads, what it gives.
#pragma once

#include <vector>

#include "core/buffer.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

template <class T>
class Expression {
 public:
  // The caller has checked that steps and outputs name registers and constants that exist, and
  // registers that hold something by then, of which there is one. Columns are expected in registers
  // 0, 1, ...
  Expression(const std::vector<ExpressionStep>& steps, const std::vector<T>& constants,
             Index registers, std::vector<Index> columns, std::vector<Index> outputs);

  const std::vector<Index>& columns() const { return columns_; }
  const std::vector<Index>& outputs() const { return outputs_; }
  // Elements of the memory that values() works in.
  Index workspace() const {
    return registers_ * (kExpressionTile<T> + Index(sizeof(void*) / sizeof(T)));
  }
  // Roughly what a sample takes on one thread.
  double nanoseconds() const { return 0.1 + 0.1 * static_cast<double>(steps_.size()); }

  // out[o * row + i] = output o of sample i, for i < n <= kExpressionTile<T>; whatever lies there
  // up to a whole tile is overwritten too. `column(j, x)` fills x with n values of column j.
  template <class Column>
  void values(T* workspace, Index n, T* out, Index row, const Column& column) const noexcept {
    T** registers = places(workspace, out, row);
    for (std::size_t j = 0; j < columns_.size(); ++j) column(columns_[j], registers[j]);
    run(registers, n, out, row);
  }

 private:
  // Where the registers begin: those of outputs where these are wanted.
  T** places(T* workspace, T* out, Index row) const noexcept;
  void run(T* const* registers, Index n, T* out, Index row) const noexcept;

  std::vector<HeldStep> steps_;
  std::vector<Index> columns_, outputs_;
  Index registers_;
  Buffer constants_;
};

}  // namespace fastnet
