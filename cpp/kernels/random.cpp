// The random kernels of one ISA level.
#include "kernels/philox-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

void blocks(std::uint64_t key, std::uint64_t high, std::uint64_t block, std::uint32_t* words,
            Index n) noexcept {
  constexpr int R = kPhiloxRegisters;
  constexpr Index group = kPhiloxBlocks<R>;
  const PhiloxKeys keys = philox_keys(key);
  for (; n >= group; n -= group, words += 4 * group, block += group) {
    store(words, philox<R>(keys, high, block));
  }
  if (n > 0) store_partial(words, philox<R>(keys, high, block), 4 * n);
}

template <class T>
void uniform(std::uint64_t key, std::uint64_t high, std::uint64_t position,
             const UniformRange<T>& range, T* out, Index n) noexcept {
  constexpr int R = kPhiloxRegisters;
  using V = Vec<T, 2 * R>;
  constexpr Index group = V::kLanes;
  constexpr std::uint64_t in_block = 16 / sizeof(T);
  const PhiloxKeys keys = philox_keys(key);
  const V low = splat<T, 2 * R>(range.low), width = splat<T, 2 * R>(range.width);
  const V top = splat<T, 2 * R>(range.top);
  const auto values = [&](std::uint64_t block) {
    return min(low + width * unit_interval(philox<R>(keys, high, block), T()), top);
  };
  std::uint64_t block = position / in_block;
  const Index skip = static_cast<Index>(position % in_block);
  if (skip > 0) {
    T first[group];
    store(first, values(block));
    const Index count = n < group - skip ? n : group - skip;
    for (Index i = 0; i < count; ++i) out[i] = first[skip + i];
    out += count;
    n -= count;
    block += kPhiloxBlocks<R>;
  }
  for (; n >= group; n -= group, out += group, block += kPhiloxBlocks<R>) store(out, values(block));
  if (n > 0) store_partial(out, values(block), n);
}

}  // namespace

void fill_random(Kernels& table) noexcept {
  table.bits = {blocks};
  table.f32.random = {uniform<float>};
  table.f64.random = {uniform<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
