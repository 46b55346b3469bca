// What the processor can do at most: the measure that benchmarks hold beside the kernels.
#pragma once

#include <cstddef>

namespace fastnet {

// Chains that run beside each other. An fma takes 4 cycles and two begin in each, so 8 fill the
// pipes of today's cores; 12, with the two factors, fit into 16 registers.
constexpr int kProbeChains = 12;

template <class T>
struct ProbeKernels {
  // x = a x + b, n times, in kProbeChains chains of 64 bytes in registers, the first from x = 0,
  // the second from x = 1 and so on: kProbeChains * 64 / sizeof(T) * n fma. Returns the mean of the
  // x.
  T (*fma_chains)(T a, T b, std::ptrdiff_t n) noexcept;
};

}  // namespace fastnet
