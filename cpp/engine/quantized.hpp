// A linear layer with packed weights of 16 or 8 bits.
#pragma once

#include "dispatch/kernels.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// Weights (in, out) as dispatch/quantized.hpp packs them; none where data is null.
struct PackedWeight {
  Precision precision = Precision::kFloat;
  const std::uint8_t* data = nullptr;
  const float* scale = nullptr;
  const std::int32_t* offset = nullptr;
  const float* bias = nullptr;
};

// Bytes of packed weights.
inline Index packed_bytes(Precision precision, Index in, Index out) {
  const Index group = group_size(precision);
  return (in + group - 1) / group * 4 * packed_columns(out);
}

// Memory for `rows` quantized rows and their scales.
Index quantized_scratch_bytes(Precision precision, Index rows, Index in) noexcept;

// Columns [c0, c1) of z = x W + b, then relu if asked; c0 is a multiple of kPanelColumns. The rows
// are quantized into `scratch` first.
void quantized_forward(const Kernels& table, const PackedWeight& weight, Index in, const float* x,
                       Index x_row, Index rows, Index c0, Index c1, float* z, Index z_row,
                       bool relu, void* scratch) noexcept;

}  // namespace fastnet
