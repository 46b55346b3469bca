// int8 at one ISA level, or with the extension that has instructions for it.
#include "kernels/lanes-inl.hpp"
#include "kernels/quantized-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

constexpr std::int32_t kInfinity = 0x7f800000;
// Rows below this are zero: 127 / largest must be finite and largest / 127 a normal number.
constexpr float kSmallest = 0x1p-119f;

// The largest |x| as the bits of a float, which are ordered as the numbers are, NaN above all.
FASTNET_INLINE std::int32_t largest_bits(const float* x, Index k) {
  using Bits = Vec<std::int32_t>;
  constexpr Index lanes = Bits::kLanes;
  const Bits magnitude = splat(std::int32_t(0x7fffffff));
  Bits most = zero<std::int32_t>();
  Index p = 0;
  for (; p + lanes <= k; p += lanes) {
    most = max(bitcast<std::int32_t>(load(x + p)) & magnitude, most);
  }
  if (p < k) most = max(bitcast<std::int32_t>(load_partial(x + p, k - p)) & magnitude, most);
  return reduce_max(most);
}

void quantize_rows(const float* x, Index x_row, Index rows, Index k, std::uint8_t* q, Index q_row,
                   float* scale) noexcept {
  using F = FloatFormat<float>;
  using U = std::uint32_t;
  constexpr Index lanes = kWordLanes;
  const Index filled = (k + 63) / 64 * 64;
  // 128 + x rounded, once kRoundValue is added (simd-inl.hpp).
  const Vec<U, 1> from = splat<U, 1>(F::kRound - 128);
  const Vec<float, 1> round = splat<float, 1>(F::kRoundValue);
  for (Index i = 0; i < rows; ++i, x += x_row, q += q_row) {
    const std::int32_t bits = largest_bits(x, k);
    float largest;
    std::memcpy(&largest, &bits, sizeof largest);
    if (bits >= kInfinity || largest < kSmallest) {
      scale[i] = bits >= kInfinity ? __builtin_nanf("") : 0.0f;
      std::memset(q, 128, static_cast<std::size_t>(filled));
      continue;
    }
    scale[i] = largest / 127.0f;
    const Vec<float, 1> inverse = splat<float, 1>(127.0f / largest);
    Index p = 0;
    for (; p + lanes <= k; p += lanes) {
      const Vec<float, 1> v = load<float, 1>(x + p) * inverse + round;
      store_narrow<std::uint8_t>(q + p, bitcast<U>(v) - from);
    }
    for (; p < filled; p += lanes) {
      const Vec<float, 1> v = load_partial<float, 1>(x + p, k - p) * inverse + round;
      store_narrow<std::uint8_t>(q + p, bitcast<U>(v) - from);
    }
  }
}

}  // namespace

void fill_quantized_int8(Kernels& table) noexcept {
  table.int8 = {FASTNET_LEVEL_NAME, quantize_rows, quantized_product<Int8Dot>};
}

}  // namespace fastnet::FASTNET_LEVEL
