// Expressions: straight-line programs of vector operations over a tile of samples.
//
// A register holds one value for each sample of a tile, kExpressionTile<T> of them; a truth value
// is all bits of its lane set or none. The meaning of an operation is that of NumPy's function of
// that name, NaN, infinities and signed zeros included (of the minimum and maximum of two zeros the
// sign is either's); bounds of the elementary functions stand in kernels/math-inl.hpp.
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
  // What the engine makes of them.
  kLoad = kCount,  // a constant or register
  kStore,
  kHeldSquare,    // of the held value
  kSubtractFrom,  // b - held
  kDivideInto,    // b / held
  kGreater,
  kGreaterEqual,
  kWhereElse,  // b where c holds, else held
  kWhereIf,    // b where held, else c
  kEnd,
};

// registers[to] = op(a, b, c); an operand below 0 is the constant of number -1 - operand.
struct ExpressionStep {
  std::int32_t op, to, a, b, c;
};

// The same for a processor that holds one value, of a block of samples, in its own registers: each
// operation's first operand is the held value, its result the next.
struct HeldStep {
  std::int32_t op;  // kConstantForm more where b is a constant
  std::int32_t b, c;
  // Of a long operation: registers to take the place of the held value before and after it, or -1.
  std::int32_t from, to;
};
constexpr std::int32_t kConstantForm = 64;
static_assert(static_cast<std::int32_t>(ExpressionOp::kEnd) < kConstantForm);

// Operations of so many instructions that there is one copy of each, which goes through memory.
constexpr bool is_long(ExpressionOp op) {
  return (op >= ExpressionOp::kExp && op <= ExpressionOp::kSign) || op == ExpressionOp::kPower;
}

// Operands of one of the operations up to kCount.
constexpr int operands_of(ExpressionOp op) {
  if (op == ExpressionOp::kWhere) return 3;
  return op >= ExpressionOp::kAdd && op != ExpressionOp::kNot ? 2 : 1;
}

// Bytes of a register: few enough that some stay in the innermost cache, and enough for a column to
// be drawn at its full speed.
constexpr std::ptrdiff_t kExpressionBytes = 8192;
template <class T>
constexpr std::ptrdiff_t kExpressionTile = kExpressionBytes /
                                           static_cast<std::ptrdiff_t>(sizeof(T));
// Elements a constant takes: 64 bytes of copies.
template <class T>
constexpr std::ptrdiff_t kExpressionConstant = 64 / static_cast<std::ptrdiff_t>(sizeof(T));

template <class T>
struct ExpressionKernels {
  // Runs steps up to kEnd over the first n samples, n <= kExpressionTile<T>, and over some more of
  // the tile's. Register r begins at registers[r], constant c at constants + c
  // kExpressionConstant<T>.
  void (*evaluate)(const HeldStep* steps, const T* constants, T* const* registers,
                   std::ptrdiff_t n) noexcept;
  // The sum of (x[i] - a)(y[i] - b) over i < n in double: value i goes to lane i % 8 of accumulator
  // i / 8 % 4, and those are added over one fixed tree.
  double (*products)(const T* x, double a, const T* y, double b, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
