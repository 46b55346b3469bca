// The interpreter of expressions of one ISA level.
#include "kernels/expression-inl.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/reduce-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Vectors that a step works on before the next step does, in registers of the processor: so many
// that a step takes several times as long as its dispatch.
constexpr int kHeldVectors = 8;

template <class T>
constexpr Index kHeldValues = kHeldVectors* Vec<T, 1>::kLanes;

constexpr std::int32_t code(ExpressionOp op) { return static_cast<std::int32_t>(op); }

// The same pointer, of which the compiler does not know what it is made of: else it keeps the
// offset of each vector of a block in a register of its own.
template <class P>
FASTNET_INLINE P* plain(P* p) {
  asm("" : "+r"(p));
  return p;
}

// Where an operand's vectors begin and how far apart they lie: 0 for a constant.
template <class T>
struct Operand {
  const T* p;
  Index step;
  FASTNET_INLINE Vec<T, 1> at(int k) const { return load<T, 1>(p + k * step); }
};

template <class T>
struct Held {
  using V = Vec<T, 1>;
  static constexpr Index kLanes = V::kLanes;
  V v[kHeldVectors];

  FASTNET_INLINE void get(const T* x) {
#pragma GCC unroll 8
    for (int k = 0; k < kHeldVectors; ++k) v[k] = load<T, 1>(x + k * kLanes);
  }
  FASTNET_INLINE void put(T* x) const {
#pragma GCC unroll 8
    for (int k = 0; k < kHeldVectors; ++k) store(x + k * kLanes, v[k]);
  }
  template <class F>
  FASTNET_INLINE void unary(F f) {
#pragma GCC unroll 8
    for (int k = 0; k < kHeldVectors; ++k) v[k] = f(v[k]);
  }
  template <class F>
  FASTNET_INLINE void binary(const T* b, F f) {
#pragma GCC unroll 8
    for (int k = 0; k < kHeldVectors; ++k) v[k] = f(v[k], load<T, 1>(b + k * kLanes));
  }
  template <class F>
  FASTNET_INLINE void ternary(Operand<T> b, Operand<T> c, F f) {
#pragma GCC unroll 8
    for (int k = 0; k < kHeldVectors; ++k) v[k] = f(v[k], b.at(k), c.at(k));
  }
};

// y = f(x) for a block, R registers at a time: a processor overlaps more of several short chains
// side by side than of one after the other.
template <int R, class T, class F>
FASTNET_INLINE void each(const T* x, T* y, F f) {
#pragma GCC unroll 1
  for (Index i = 0; i < kHeldValues<T>; i += Vec<T, R>::kLanes) store(y + i, f(load<T, R>(x + i)));
}

// As many as registers allow, for the exponential function, which expressions have most often.
constexpr int kMany = kNativeBytes == 64 ? kHeldVectors : kHeldVectors / 2;

// y = op(x, b) for a block.
template <class T>
__attribute__((noinline)) void long_operation(ExpressionOp op, const T* x, Operand<T> b,
                                              T* y) noexcept {
  using V = Vec<T, 2>;
  switch (op) {
    case ExpressionOp::kExp:
      return each<kMany>(x, y, [](Vec<T, kMany> v) FASTNET_INLINE_LAMBDA { return exp(v); });
    case ExpressionOp::kExpm1:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return expm1(v); });
    case ExpressionOp::kLog:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return log(v); });
    case ExpressionOp::kLog1p:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return log1p(v); });
    case ExpressionOp::kTanh:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return tanh(v); });
    case ExpressionOp::kErf:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return erf(v); });
    case ExpressionOp::kSin:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return sin(v); });
    case ExpressionOp::kCos:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return cos(v); });
    case ExpressionOp::kFloor:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return floor(v); });
    case ExpressionOp::kCeil:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return -floor(-v); });
    case ExpressionOp::kTrunc:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return trunc(v); });
    case ExpressionOp::kRint:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return rint(v); });
    case ExpressionOp::kSign:
      return each<2>(x, y, [](V v) FASTNET_INLINE_LAMBDA { return sign(v); });
    case ExpressionOp::kPower:
      return each<1>(x, y, [&b](Vec<T, 1> v) FASTNET_INLINE_LAMBDA {
        const Vec<T, 1> exponent = load<T, 1>(b.p);
        b.p += b.step;
        return power(v, exponent);
      });
    default:
      return;
  }
}

// Runs the steps over kHeldValues<T> samples from number `first` on.
template <class T>
FASTNET_INLINE void run(const HeldStep* s, const T* constants, T* const* registers, Index first) {
  using V = Vec<T, 1>;
  const auto constant = [=](std::int32_t i) {
    return plain(constants + (-1 - Index(i)) * kExpressionConstant<T>);
  };
  const auto place = [=](std::int32_t i) { return plain(registers[i] + first); };
  const auto operand = [=](std::int32_t i) {
    return i < 0 ? Operand<T>{constant(i), 0} : Operand<T>{place(i), V::kLanes};
  };
  const auto choose = [](V mask, V x, V y) { return select(bitcast<Int<T>>(mask), x, y); };
  Held<T> h = {};
#define FASTNET_UNARY(op, f)         \
  case code(ExpressionOp::op):       \
    h.unary([=](V x) { return f; }); \
    break;
#define FASTNET_BINARY(op, f)                           \
  case code(ExpressionOp::op):                          \
    h.binary(place(s->b), [=](V x, V y) { return f; }); \
    break;                                              \
  case code(ExpressionOp::op) + kConstantForm: {        \
    const V y = load<T, 1>(constant(s->b));             \
    h.unary([=](V x) { return f; });                    \
    break;                                              \
  }
#define FASTNET_COMPARE(op, f) FASTNET_BINARY(op, bitcast<T>(f(x, y)))
#define FASTNET_LOGICAL(op, o) \
  FASTNET_BINARY(op, bitcast<T>(bitcast<Int<T>>(x) o bitcast<Int<T>>(y)))
#define FASTNET_TERNARY(op, f)                                                 \
  case code(ExpressionOp::op):                                                 \
    h.ternary(operand(s->b), operand(s->c), [=](V x, V y, V z) { return f; }); \
    break;
  for (;; ++s) {
    switch (s->op) {
      FASTNET_BINARY(kLoad, (static_cast<void>(x), y))
      case code(ExpressionOp::kStore):
        h.put(place(s->b));
        break;
      case code(ExpressionOp::kEnd):
        return;
        FASTNET_UNARY(kNegative, -x)
        FASTNET_UNARY(kAbsolute, abs(x))
        FASTNET_UNARY(kSqrt, sqrt(x))
        FASTNET_UNARY(kReciprocal, (splat<T, 1>(T(1)) / x))
        FASTNET_UNARY(kHeldSquare, x * x)
        FASTNET_UNARY(kNot, bitcast<T>(~bitcast<Int<T>>(x)))
        FASTNET_BINARY(kAdd, x + y)
        FASTNET_BINARY(kSubtract, x - y)
        FASTNET_BINARY(kSubtractFrom, y - x)
        FASTNET_BINARY(kMultiply, x * y)
        FASTNET_BINARY(kDivide, x / y)
        FASTNET_BINARY(kDivideInto, y / x)
        FASTNET_BINARY(kMinimum, minimum(x, y))
        FASTNET_BINARY(kMaximum, maximum(x, y))
        FASTNET_BINARY(kFmin, fmin(x, y))
        FASTNET_BINARY(kFmax, fmax(x, y))
        FASTNET_BINARY(kCopysign, copysign(x, y))
        FASTNET_COMPARE(kLess, less)
        FASTNET_COMPARE(kLessEqual, less_equal)
        FASTNET_COMPARE(kGreater, greater)
        FASTNET_COMPARE(kGreaterEqual, greater_equal)
        FASTNET_COMPARE(kEqual, equal)
        FASTNET_COMPARE(kNotEqual, not_equal)
        FASTNET_LOGICAL(kAnd, &)
        FASTNET_LOGICAL(kOr, |)
        FASTNET_LOGICAL(kXor, ^)
        FASTNET_TERNARY(kWhere, choose(z, x, y))
        FASTNET_TERNARY(kWhereElse, choose(z, y, x))
        FASTNET_TERNARY(kWhereIf, choose(x, y, z))
      default: {
        // By a pointer of its own: what goes to the stack otherwise is a value that found no
        // register.
        alignas(64) T memory[kHeldValues<T>];
        T* const block = plain(static_cast<T*>(memory));
        const T* from = block;
        if (s->from >= 0) {
          from = place(s->from);
        } else {
          h.put(block);
        }
        T* to = s->to >= 0 ? place(s->to) : block;
        long_operation(static_cast<ExpressionOp>(s->op), from, operand(s->b), to);
        h.get(to);
      }
    }
  }
#undef FASTNET_UNARY
#undef FASTNET_BINARY
#undef FASTNET_COMPARE
#undef FASTNET_LOGICAL
#undef FASTNET_TERNARY
}

template <class T>
void evaluate(const HeldStep* steps, const T* constants, T* const* registers, Index n) noexcept {
  for (Index i = 0; i < n; i += kHeldValues<T>) run(steps, constants, registers, i);
}

template <class T>
double products(const T* x, double a, const T* y, double b, Index n) noexcept {
  using V = Vec<double>;
  constexpr Index lanes = V::kLanes;
  const V va = splat<double>(a), vb = splat<double>(b);
  V sum[4] = {zero<double>(), zero<double>(), zero<double>(), zero<double>()};
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const Index j = i + k * lanes;
      sum[k] = fma(load_as_double(x + j) - va, load_as_double(y + j) - vb, sum[k]);
    }
  }
  for (int k = 0; i < n; i += lanes, ++k) {
    const Index count = n - i < lanes ? n - i : lanes;
    // Lanes beyond the end are 0 - a; a whole vector of their own products is not to be added.
    V dx = load_as_double_partial(x + i, count) - va,
      dy = load_as_double_partial(y + i, count) - vb;
    if (count < lanes) {
      double d[lanes];
      store(d, dx);
      for (Index l = count; l < lanes; ++l) d[l] = 0.0;
      dx = load(d);
    }
    sum[k] = fma(dx, dy, sum[k]);
  }
  return reduce_add((sum[0] + sum[2]) + (sum[1] + sum[3]));
}

}  // namespace

void fill_expression(Kernels& table) noexcept {
  table.f32.expression = {evaluate<float>, products<float>};
  table.f64.expression = {evaluate<double>, products<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
