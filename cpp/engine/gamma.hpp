// Gamma values, on all threads, and those made of two of them.
//
// Marsaglia and Tsang (2000, "A simple method for generating gamma variables"): d (1 + c z)^3 of a
// normal z, kept with a probability of at least 0.95; a shape below 1 is drawn as one above it
// times u^(1 / shape). Attempts take counters of their own, so a value is a function of its
// position.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/discrete.hpp"

namespace fastnet {

// out[i] = the gamma value of shape[i] > 0 and scale 1 at the source's position + i, or its
// logarithm, which does not underflow for small shapes. `part` (0 or 1): which of two at a
// position.
void sample_gamma(Column<double> shape, bool logarithm, std::uint64_t part, const Source& source,
                  double* out, Index n) noexcept;

}  // namespace fastnet
