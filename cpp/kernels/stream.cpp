// The streaming copy of one ISA level.
#include "kernels/simd-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

void copy(const std::uint32_t* from, std::uint32_t* to, Index n) noexcept {
  constexpr Index lanes = Vec<std::uint32_t>::kLanes;
  // The elements before the first whole line of `to`.
  const Index ahead = static_cast<Index>((0 - reinterpret_cast<std::size_t>(to) / 4) % lanes);
  Index i = ahead < n ? ahead : n;
  std::memcpy(to, from, static_cast<std::size_t>(i) * 4);
  for (; i + lanes <= n; i += lanes) store_streaming(to + i, load(from + i));
  std::memcpy(to + i, from + i, static_cast<std::size_t>(n - i) * 4);
}

void fence() noexcept { fence_streaming(); }

}  // namespace

void fill_stream(Kernels& table) noexcept {
  if constexpr (kHasStreaming) table.stream = {copy, fence};
}

}  // namespace fastnet::FASTNET_LEVEL
