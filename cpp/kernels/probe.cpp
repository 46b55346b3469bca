// The probe of one ISA level.
#include "kernels/simd-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
T fma_chains(T a, T b, Index n) noexcept {
  const Vec<T, 1> va = splat<T, 1>(a);
  const Vec<T, 1> vb = splat<T, 1>(b);
  T total = T(0);
  // One register of each chain at a time: all of a logical vector's would not fit.
  for (int part = 0; part < kLogical; ++part) {
    Vec<T, 1> x[kProbeChains];
#pragma GCC unroll 16
    for (int c = 0; c < kProbeChains; ++c) x[c] = splat<T, 1>(static_cast<T>(c));
    for (Index i = 0; i < n; ++i) {
#pragma GCC unroll 16
      for (int c = 0; c < kProbeChains; ++c) x[c] = fma(va, x[c], vb);
    }
    T sum = T(0);
    for (int c = 0; c < kProbeChains; ++c) sum += x[c].r[0][0];  // all lanes are alike
    total += sum / T(kProbeChains);
  }
  return total / T(kLogical);
}

}  // namespace

void fill_probe(Kernels& table) noexcept {
  table.f32.probe = {fma_chains<float>};
  table.f64.probe = {fma_chains<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
