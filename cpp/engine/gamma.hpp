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

// What is made of a gamma value G. The last two are not 0 or infinite where G underflows.
enum class GammaForm : int { kValue, kLogarithm, kInverseRoot };  // G, ln G, 1 / sqrt(G)

// out[i] = that of the gamma value of shape shapes[i % count] >= 0 and scale 1 at the source's
// position + i. `part` (0 or 1): which of two values at a position.
void sample_gamma(const double* shapes, Index count, GammaForm form, std::uint64_t part,
                  const StreamPosition& source, double* out, Index n) noexcept;

// Rows of the gamma values of n shapes over their sum. Of smaller shapes all values of a row may
// underflow, of larger ones the sum may overflow: those go by logarithms.
constexpr double kDirichletLeast = 0.1, kDirichletMost = 1e250;
void sample_dirichlet(const double* shapes, Index n, const StreamPosition& source, double* out,
                      Index rows) noexcept;

}  // namespace fastnet
