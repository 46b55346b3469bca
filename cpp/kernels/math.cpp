// The elementary functions of one ISA level on arrays.
#include "kernels/map-inl.hpp"
#include "kernels/math-inl.hpp"
#include "kernels/table.hpp"
#include "kernels/trig-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void apply(MathFunction f, const T* x, T* y, Index n) noexcept {
  using V = Vec<T, 1>;
  switch (f) {
    case MathFunction::kExp:
      return map(x, y, n, [](V v) { return exp(v); });
    case MathFunction::kLog:
      return map(x, y, n, [](V v) { return log(v); });
    case MathFunction::kExpm1:
      return map(x, y, n, [](V v) { return expm1(v); });
    case MathFunction::kLog1p:
      return map(x, y, n, [](V v) { return log1p(v); });
    case MathFunction::kTanh:
      return map(x, y, n, [](V v) { return tanh(v); });
    case MathFunction::kErf:
      return map(x, y, n, [](V v) { return erf(v); });
    case MathFunction::kSin:
      return map(x, y, n, [](V v) { return sin(v); });
    case MathFunction::kCos:
      return map(x, y, n, [](V v) { return cos(v); });
    case MathFunction::kCount:
      return;
  }
}

}  // namespace

void fill_math(Kernels& table) noexcept {
  table.f32.math = {apply<float>};
  table.f64.math = {apply<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
