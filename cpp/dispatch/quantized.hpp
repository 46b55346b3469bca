// Products with weights of 16 or 8 bits, for inference.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// How a linear layer's weights are stored and multiplied.
enum class Precision : int { kFloat, kBf16, kInt8, kCount };

// Inputs and weights come in groups of 4 bytes along k: a pair of bf16 or four integers, which one
// instruction multiplies and adds to a sum of 32 bits.
constexpr std::ptrdiff_t group_size(Precision p) { return p == Precision::kInt8 ? 4 : 2; }

// Packed weights are panels of 32 columns, the last of them 16 if no more are left; within a panel
// the groups follow each other, and within a group the columns. So the panel of column j, a
// multiple of 32, begins 4 * groups * j bytes behind the first one. What fills groups and panels is
// zero.
constexpr std::ptrdiff_t kPanelColumns = 32;
__attribute__((always_inline)) constexpr std::ptrdiff_t packed_columns(std::ptrdiff_t n) {
  return (n + 15) / 16 * 16;
}
// Vectors with a value for each column are padded with zeros to whole panels.
constexpr std::ptrdiff_t padded_columns(std::ptrdiff_t n) {
  return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

// Up to here a sum of products of integers from -127 to 127 fits 32 bits.
constexpr std::ptrdiff_t kMaxInt8Depth = 133144;

// C = A B + bias, then relu if asked; A (m, k) by rows, B (k, n) packed.
//   bf16: A and B hold float32 rounded to their upper 16 bits. A sum is one chain in float32 over
//     ascending k; an instruction of the CPU may round and order the two products of a group in its
//     own way, the same for every element.
//   int8: A holds 128 + integers from -127 to 127, B integers from -127 to 127. A sum is exact:
//     b_offset[j] = -128 (sum over p of B(p, j)) takes the 128 away again. Then
//     C(i, j) = float(sum) * (a_scale[i] * b_scale[j]) + bias[j], rounded at each operation.
struct QuantizedArgs {
  std::ptrdiff_t m, n, k;
  const std::uint8_t* a;
  std::ptrdiff_t a_row;  // bytes, a multiple of 64
  const float* a_scale;  // int8: m values
  const std::uint8_t* b;
  const float* b_scale;          // int8: padded_columns(n) values, as the next ones
  const std::int32_t* b_offset;  // int8
  const float* bias;             // or null
  float* c;
  std::ptrdiff_t c_row;  // elements; only j < n is written
  bool relu;
};

struct QuantizedKernels {
  // Where these kernels come from: the level, or the extension of a level that they use.
  const char* level;
  // Rows of k numbers to `q` with rows q_row bytes apart, a multiple of 64, filled to the end of
  // their last 64 bytes; x's rows are x_row elements apart.
  //   bf16: rounded to nearest even; NaN stays NaN, and scale is not written.
  //   int8: largest = the row's largest |x|; scale = largest / 127 and q = 128 + x (127 / largest)
  //     rounded to nearest even. A row below 2^-119 counts as zero; scale is NaN for a row with NaN
  //     or infinity.
  void (*quantize_rows)(const float* x, std::ptrdiff_t x_row, std::ptrdiff_t rows, std::ptrdiff_t k,
                        std::uint8_t* q, std::ptrdiff_t q_row, float* scale) noexcept;
  void (*quantized_product)(const QuantizedArgs& args) noexcept;
};

}  // namespace fastnet
