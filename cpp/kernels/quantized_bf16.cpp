// bf16 at one ISA level, or with the extension that has instructions for it.
#include "kernels/quantized-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// The upper halves of float32, to nearest even. NaN stays NaN: what is cut off may be all of its
// payload, so that its quiet bit is set.
FASTNET_INLINE Vec<std::uint32_t, 1> to_bf16(Vec<float, 1> x) {
  using U = std::uint32_t;
  const Vec<U, 1> bits = bitcast<U>(x);
  const Vec<U, 1> odd = shift_right<16>(bits) & splat<U, 1>(1);
  const Vec<U, 1> rounded = bits + splat<U, 1>(0x7fff) + odd;
  return shift_right<16>(select(not_equal(x, x), bits | splat<U, 1>(0x00400000), rounded));
}

void quantize_rows(const float* x, Index x_row, Index rows, Index k, std::uint8_t* q, Index q_row,
                   float*) noexcept {
  constexpr Index lanes = kWordLanes, size = 2;
  const Index filled = (k * size + 63) / 64 * 64 / size;
  for (Index i = 0; i < rows; ++i, x += x_row, q += q_row) {
    Index p = 0;
    for (; p + lanes <= k; p += lanes) {
      store_narrow<std::uint16_t>(q + p * size, to_bf16(load<float, 1>(x + p)));
    }
    for (; p < filled; p += lanes) {
      store_narrow<std::uint16_t>(q + p * size, to_bf16(load_partial<float, 1>(x + p, k - p)));
    }
  }
}

}  // namespace

void fill_quantized_bf16(Kernels& table) noexcept {
  table.bf16 = {FASTNET_LEVEL_NAME, quantize_rows, quantized_product<Bf16Dot>};
}

}  // namespace fastnet::FASTNET_LEVEL
