// Where quantized rows lie, and the call of their kernels.
#include "engine/quantized.hpp"

#include "core/buffer.hpp"

namespace fastnet {
namespace {

// As padded_row: whole cache lines, and rows never a multiple of 1 KiB apart.
Index quantized_row(Precision precision, Index in) noexcept {
  const Index bytes = round_up(in * 4 / group_size(precision), kAlignment);
  return bytes % 1024 == 0 ? bytes + kAlignment : bytes;
}

}  // namespace

Index quantized_scratch_bytes(Precision precision, Index rows, Index in) noexcept {
  return round_up(rows * (quantized_row(precision, in) + Index(sizeof(float))), kAlignment);
}

void quantized_forward(const Kernels& table, const PackedWeight& weight, Index in, const float* x,
                       Index x_row, Index rows, Index c0, Index c1, float* z, Index z_row,
                       bool relu, void* scratch) noexcept {
  const Precision precision = weight.precision;
  const QuantizedKernels& kernels = precision == Precision::kInt8 ? table.int8 : table.bf16;
  const Index q_row = quantized_row(precision, in);
  auto* const q = static_cast<std::uint8_t*>(scratch);
  auto* const scale = reinterpret_cast<float*>(q + rows * q_row);
  kernels.quantize_rows(x, x_row, rows, in, q, q_row, scale);
  QuantizedArgs args{};
  args.m = rows;
  args.n = c1 - c0;
  args.k = in;
  args.a = q;
  args.a_row = q_row;
  args.a_scale = scale;
  const Index group = group_size(precision);
  args.b = weight.data + (in + group - 1) / group * 4 * c0;
  args.b_scale = weight.scale ? weight.scale + c0 : nullptr;
  args.b_offset = weight.offset ? weight.offset + c0 : nullptr;
  args.bias = weight.bias ? weight.bias + c0 : nullptr;
  args.c = z + c0;
  args.c_row = z_row;
  args.relu = relu;
  kernels.quantized_product(args);
}

}  // namespace fastnet
