// Expressions: straight-line programs of vector operations over a tile of samples.
//
// A register holds one value for each sample of a tile, kExpressionTile<T> of them; a truth value
// is all bits of its lane set or none. The meaning of an operation is that of NumPy's function of
// that name, NaN, infinities and signed zeros included; bounds of the elementary functions stand in
// kernels/math-inl.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

enum class ExpressionOp : std::int32_t {
  kCopy,
  kNegative,
  kAbsolute,
  kSqrt,
  kReciprocal,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kTanh,
  kErf,
  kSin,
  kCos,
  kFloor,
  kCeil,
  kTrunc,
  kRint,
  kSign,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kMinimum,  // NaN if either is
  kMaximum,
  kFmin,  // the other if one is NaN
  kFmax,
  kCopysign,
  kPower,
  // Truth values from here on.
  kLess,
  kLessEqual,
  kEqual,
  kNotEqual,
  kAnd,
  kOr,
  kXor,
  kNot,
  // a where the truth value c holds, else b.
  kWhere,
  kCount,
};

// registers[to] = op(a, b, c); an operand below 0 is the constant of number -1 - operand.
struct ExpressionStep {
  std::int32_t op, to, a, b, c;
};

// Bytes of a register: 64 vectors, so that an operation's loop takes several times as long as its
// dispatch, and half a dozen registers stay in the innermost cache.
constexpr std::ptrdiff_t kExpressionBytes = 4096;
template <class T>
constexpr std::ptrdiff_t kExpressionTile = kExpressionBytes /
                                           static_cast<std::ptrdiff_t>(sizeof(T));
// Elements a constant takes: 64 bytes of copies.
template <class T>
constexpr std::ptrdiff_t kExpressionConstant = 64 / static_cast<std::ptrdiff_t>(sizeof(T));

template <class T>
struct ExpressionKernels {
  // Runs the steps in order over the first n samples, n <= kExpressionTile<T>, rounded up to 64
  // bytes. Register r begins at registers + r kExpressionTile<T>, constant c at
  // constants + c kExpressionConstant<T>.
  void (*evaluate)(const ExpressionStep* steps, std::ptrdiff_t count, const T* constants,
                   T* registers, std::ptrdiff_t n) noexcept;
  // The sum of (x[i] - a)(y[i] - b) over i < n in double: value i goes to lane i % 8 of accumulator
  // i / 8 % 4, and those are added over one fixed tree.
  double (*products)(const T* x, double a, const T* y, double b, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
