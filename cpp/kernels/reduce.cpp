// The reduction kernels of one ISA level.
#include "kernels/reduce-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class Add, class T>
double sum(const T* x, Index n) noexcept {
  double total = 0.0;
  for (Index i = 0; i < n; i += kSumBlock) {
    total += sum_piece(x + i, n - i < kSumBlock ? n - i : kSumBlock, Add());
  }
  return total;
}

}  // namespace

void fill_reduce(Kernels& table) noexcept {
  table.f32.reduce = {sum<AddValue, float>, sum<AddSquare, float>};
  table.f64.reduce = {sum<AddValue, double>, sum<AddSquare, double>};
}

}  // namespace fastnet::FASTNET_LEVEL
