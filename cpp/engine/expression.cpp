// What an expression's steps hold between them, and where its registers lie.
#include "engine/expression.hpp"

#include <algorithm>
#include <limits>

namespace fastnet {
namespace {

std::int32_t code(ExpressionOp op) { return static_cast<std::int32_t>(op); }

int operands_of(const ExpressionStep& s) {
  return fastnet::operands_of(static_cast<ExpressionOp>(s.op));
}

// The operation with its second operand held and the first beside it; kCount if there is none.
ExpressionOp with_second_held(ExpressionOp op) {
  switch (op) {
    case ExpressionOp::kAdd:
    case ExpressionOp::kMultiply:
    case ExpressionOp::kMinimum:
    case ExpressionOp::kMaximum:
    case ExpressionOp::kFmin:
    case ExpressionOp::kFmax:
    case ExpressionOp::kEqual:
    case ExpressionOp::kNotEqual:
    case ExpressionOp::kAnd:
    case ExpressionOp::kOr:
    case ExpressionOp::kXor:
      return op;
    case ExpressionOp::kSubtract:
      return ExpressionOp::kSubtractFrom;
    case ExpressionOp::kDivide:
      return ExpressionOp::kDivideInto;
    case ExpressionOp::kLess:
      return ExpressionOp::kGreater;
    case ExpressionOp::kLessEqual:
      return ExpressionOp::kGreaterEqual;
    case ExpressionOp::kWhere:
      return ExpressionOp::kWhereElse;
    default:
      return ExpressionOp::kCount;
  }
}

HeldStep form(ExpressionOp op, std::int32_t b, std::int32_t c) { return {code(op), b, c, -1, -1}; }

// A step whose first operand is the held value; one of kCount if none of its operands can be.
HeldStep held_form(const ExpressionStep& s, std::int32_t held) {
  const auto op = static_cast<ExpressionOp>(s.op);
  const int operands = operands_of(s);
  const bool a = s.a == held, b = operands > 1 && s.b == held, c = operands > 2 && s.c == held;
  if (a && b && op == ExpressionOp::kMultiply) return form(ExpressionOp::kHeldSquare, 0, 0);
  if (a + b + c != 1) return form(ExpressionOp::kCount, 0, 0);
  if (a) return form(op, s.b, s.c);
  return b ? form(with_second_held(op), s.a, s.c) : form(ExpressionOp::kWhereIf, s.a, s.b);
}

// What becomes of a step's result.
struct Fate {
  bool held;    // the next step takes it as the held value
  bool stored;  // some step reads it from its register, or it is an output
};

std::vector<Fate> fates(const std::vector<ExpressionStep>& steps, Index registers,
                        const std::vector<Index>& outputs) {
  // The first and the last step that reads what a register holds, from the last step back.
  constexpr std::size_t kNever = 0;
  struct Reads {
    std::size_t first, last;
  };
  std::vector<Reads> reads(static_cast<std::size_t>(registers), {kNever, kNever});
  for (const Index o : outputs) reads[static_cast<std::size_t>(o)] = {steps.size(), steps.size()};
  std::vector<Fate> result(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    const ExpressionStep& s = steps[i];
    Reads& own = reads[static_cast<std::size_t>(s.to)];
    result[i].held = own.first == i + 1 && i + 1 < steps.size() &&
                     held_form(steps[i + 1], s.to).op != code(ExpressionOp::kCount);
    result[i].stored = !result[i].held || own.last != i + 1;
    own = {kNever, kNever};
    const std::int32_t operands[] = {s.a, s.b, s.c};
    for (int k = 0; k < operands_of(s); ++k) {
      if (operands[k] < 0) continue;
      Reads& r = reads[static_cast<std::size_t>(operands[k])];
      r.first = i;
      if (r.last == kNever) r.last = i;
    }
  }
  return result;
}

std::vector<HeldStep> held_steps(const std::vector<ExpressionStep>& steps, Index registers,
                                 const std::vector<Index>& outputs) {
  const std::vector<Fate> fate = fates(steps, registers, outputs);
  std::vector<HeldStep> result;
  const auto put = [&](ExpressionOp op, std::int32_t b) {
    const bool store = op == ExpressionOp::kStore;
    result.push_back({code(op) + (b < 0 && !store ? kConstantForm : 0), b, 0, -1, -1});
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const ExpressionStep& s = steps[i];
    const bool held = i > 0 && fate[i - 1].held;
    HeldStep h = held_form(s, held ? steps[i - 1].to : s.a);
    if (h.op == code(ExpressionOp::kCount)) h = form(static_cast<ExpressionOp>(s.op), s.b, s.c);
    const auto op = static_cast<ExpressionOp>(h.op);
    if (!held && is_long(op) && s.a >= 0) {
      h.from = s.a;
    } else if (!held) {
      put(ExpressionOp::kLoad, s.a);
    }
    if (is_long(op)) {
      h.to = fate[i].stored ? s.to : -1;
      result.push_back(h);
      continue;
    }
    // Forms for constants are those of operations with two operands.
    if (operands_of(s) == 2 && op != ExpressionOp::kHeldSquare && h.b < 0) h.op += kConstantForm;
    if (op != ExpressionOp::kCopy) result.push_back(h);
    if (fate[i].stored) put(ExpressionOp::kStore, s.to);
  }
  put(ExpressionOp::kEnd, 0);
  return result;
}

}  // namespace

template <class T>
Expression<T>::Expression(const std::vector<ExpressionStep>& steps, const std::vector<T>& constants,
                          Index registers, std::vector<Index> columns, std::vector<Index> outputs)
    : steps_(held_steps(steps, registers, outputs)),
      columns_(std::move(columns)),
      outputs_(std::move(outputs)),
      registers_(registers) {
  const Index count = static_cast<Index>(constants.size());
  constants_.reserve(std::max<Index>(count, 1) * kAlignment);
  T* p = constants_.template as<T>();
  for (const T c : constants) p = std::fill_n(p, kExpressionConstant<T>, c);
}

template <class T>
T** Expression<T>::places(T* workspace, T* out, Index row) const noexcept {
  constexpr Index tile = kExpressionTile<T>;
  T** registers = reinterpret_cast<T**>(workspace + registers_ * tile);
  for (Index r = 0; r < registers_; ++r) registers[r] = workspace + r * tile;
  // Of two outputs in one register the first has it.
  for (Index o = static_cast<Index>(outputs_.size()); o-- > 0;) {
    registers[outputs_[std::size_t(o)]] = out + o * row;
  }
  return registers;
}

template <class T>
void Expression<T>::run(T* const* registers, Index n, T* out, Index row) const noexcept {
  kernels().of<T>().expression.evaluate(steps_.data(), constants_.template as<T>(), registers, n);
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    T* to = out + static_cast<Index>(o) * row;
    const T* from = registers[outputs_[o]];
    if (from != to) std::copy_n(from, n, to);
  }
}

template class Expression<float>;
template class Expression<double>;

}  // namespace fastnet
