// The interpreter of expressions of one ISA level.
#include "kernels/expression-inl.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Where an operand's vectors begin and how far apart they lie: 0 for a constant.
template <class T>
struct Operand {
  const T* p;
  Index step;
};

template <class T>
class Interpreter {
 public:
  Interpreter(const T* constants, T* registers, Index n)
      : constants_(constants), registers_(registers), n_(n) {}

  void run(const ExpressionStep& s) const;

 private:
  using V = Vec<T, 1>;
  static constexpr Index kLanes = V::kLanes;

  FASTNET_INLINE Operand<T> operand(std::int32_t i) const {
    if (i < 0) return {constants_ + (-1 - Index(i)) * kExpressionConstant<T>, 0};
    return {registers_ + Index(i) * kExpressionTile<T>, kLanes};
  }
  FASTNET_INLINE T* target(const ExpressionStep& s) const {
    return registers_ + Index(s.to) * kExpressionTile<T>;
  }

  template <class F>
  FASTNET_INLINE void unary(const ExpressionStep& s, F f) const {
    const Operand<T> a = operand(s.a);
    T* y = target(s);
    const T* p = a.p;
    for (Index i = 0; i < n_; i += kLanes, p += a.step) store(y + i, f(load<T, 1>(p)));
  }
  template <class F>
  FASTNET_INLINE void binary(const ExpressionStep& s, F f) const {
    const Operand<T> a = operand(s.a), b = operand(s.b);
    T* y = target(s);
    const T *p = a.p, *q = b.p;
    for (Index i = 0; i < n_; i += kLanes, p += a.step, q += b.step) {
      store(y + i, f(load<T, 1>(p), load<T, 1>(q)));
    }
  }
  // Of truth values, as the bits of numbers.
  template <class F>
  FASTNET_INLINE void logical(const ExpressionStep& s, F f) const {
    binary(s, [f](V a, V b) { return bitcast<T>(f(bitcast<Int<T>>(a), bitcast<Int<T>>(b))); });
  }
  template <class F>
  FASTNET_INLINE void compare(const ExpressionStep& s, F f) const {
    binary(s, [f](V a, V b) { return bitcast<T>(f(a, b)); });
  }
  void where(const ExpressionStep& s) const {
    const Operand<T> a = operand(s.a), b = operand(s.b), c = operand(s.c);
    T* y = target(s);
    const T *p = a.p, *q = b.p, *m = c.p;
    for (Index i = 0; i < n_; i += kLanes, p += a.step, q += b.step, m += c.step) {
      store(y + i, select(bitcast<Int<T>>(load<T, 1>(m)), load<T, 1>(p), load<T, 1>(q)));
    }
  }

  const T* constants_;
  T* registers_;
  Index n_;
};

template <class T>
void Interpreter<T>::run(const ExpressionStep& s) const {
  using M = Mask<T, 1>;
  switch (static_cast<ExpressionOp>(s.op)) {
    case ExpressionOp::kCopy:
      return unary(s, [](V a) { return a; });
    case ExpressionOp::kNegative:
      return unary(s, [](V a) { return -a; });
    case ExpressionOp::kAbsolute:
      return unary(s, [](V a) { return abs(a); });
    case ExpressionOp::kSqrt:
      return unary(s, [](V a) { return sqrt(a); });
    case ExpressionOp::kReciprocal:
      return unary(s, [](V a) { return splat<T, 1>(T(1)) / a; });
    case ExpressionOp::kExp:
      return unary(s, [](V a) { return exp(a); });
    case ExpressionOp::kExpm1:
      return unary(s, [](V a) { return expm1(a); });
    case ExpressionOp::kLog:
      return unary(s, [](V a) { return log(a); });
    case ExpressionOp::kLog1p:
      return unary(s, [](V a) { return log1p(a); });
    case ExpressionOp::kTanh:
      return unary(s, [](V a) { return tanh(a); });
    case ExpressionOp::kErf:
      return unary(s, [](V a) { return erf(a); });
    case ExpressionOp::kSin:
      return unary(s, [](V a) { return sin(a); });
    case ExpressionOp::kCos:
      return unary(s, [](V a) { return cos(a); });
    case ExpressionOp::kFloor:
      return unary(s, [](V a) { return floor(a); });
    case ExpressionOp::kCeil:
      return unary(s, [](V a) { return -floor(-a); });
    case ExpressionOp::kTrunc:
      return unary(s, [](V a) { return trunc(a); });
    case ExpressionOp::kRint:
      return unary(s, [](V a) { return rint(a); });
    case ExpressionOp::kSign:
      return unary(s, [](V a) { return sign(a); });
    case ExpressionOp::kAdd:
      return binary(s, [](V a, V b) { return a + b; });
    case ExpressionOp::kSubtract:
      return binary(s, [](V a, V b) { return a - b; });
    case ExpressionOp::kMultiply:
      return binary(s, [](V a, V b) { return a * b; });
    case ExpressionOp::kDivide:
      return binary(s, [](V a, V b) { return a / b; });
    case ExpressionOp::kMinimum:
      return binary(s, [](V a, V b) { return minimum(a, b); });
    case ExpressionOp::kMaximum:
      return binary(s, [](V a, V b) { return maximum(a, b); });
    case ExpressionOp::kFmin:
      return binary(s, [](V a, V b) { return fmin(a, b); });
    case ExpressionOp::kFmax:
      return binary(s, [](V a, V b) { return fmax(a, b); });
    case ExpressionOp::kCopysign:
      return binary(s, [](V a, V b) { return copysign(a, b); });
    case ExpressionOp::kPower:
      return binary(s, [](V a, V b) { return power(a, b); });
    case ExpressionOp::kLess:
      return compare(s, [](V a, V b) { return less(a, b); });
    case ExpressionOp::kLessEqual:
      return compare(s, [](V a, V b) { return less_equal(a, b); });
    case ExpressionOp::kEqual:
      return compare(s, [](V a, V b) { return equal(a, b); });
    case ExpressionOp::kNotEqual:
      return compare(s, [](V a, V b) { return not_equal(a, b); });
    case ExpressionOp::kAnd:
      return logical(s, [](M a, M b) { return a & b; });
    case ExpressionOp::kOr:
      return logical(s, [](M a, M b) { return a | b; });
    case ExpressionOp::kXor:
      return logical(s, [](M a, M b) { return a ^ b; });
    case ExpressionOp::kNot:
      return unary(s, [](V a) { return bitcast<T>(~bitcast<Int<T>>(a)); });
    case ExpressionOp::kWhere:
      return where(s);
    case ExpressionOp::kCount:
      return;
  }
}

template <class T>
void evaluate(const ExpressionStep* steps, Index count, const T* constants, T* registers,
              Index n) noexcept {
  constexpr Index lanes = Vec<T>::kLanes;
  const Interpreter<T> interpreter(constants, registers, (n + lanes - 1) / lanes * lanes);
  for (Index i = 0; i < count; ++i) interpreter.run(steps[i]);
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
