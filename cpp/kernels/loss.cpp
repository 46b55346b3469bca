// The loss kernels of one ISA level.
#include "kernels/element_loss-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void rows(const LossSpec<T>& spec, const LossRows<T>& a) noexcept {
  const T beta = static_cast<T>(spec.beta);
  switch (spec.kind) {
    case Loss::kCrossEntropy:
      return cross_entropy<true>(spec, a);
    case Loss::kCrossEntropyProbabilities:
      return cross_entropy<false>(spec, a);
    case Loss::kNll:
      return nll(spec, a);
    case Loss::kBinaryCrossEntropyWithLogits:
      return element_losses(spec, a, BinaryCrossEntropyTerm<T>{});
    case Loss::kMse:
      return element_losses(spec, a, MseTerm<T>{});
    case Loss::kL1:
      return element_losses(spec, a, L1Term<T>{});
    case Loss::kSmoothL1:
      return element_losses(spec, a, SmoothL1Term<T>{beta});
    default:
      return element_losses(spec, a, HuberTerm<T>{beta});
  }
}

}  // namespace

void fill_loss(Kernels& table) noexcept {
  table.f32.loss = {rows<float>};
  table.f64.loss = {rows<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
