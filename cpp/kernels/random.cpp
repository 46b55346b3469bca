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
  constexpr Index rest = kPhiloxBlocks<1>;
  for (; n > 0; n -= rest, words += 4 * rest, block += rest) {
    store_partial(words, philox<1>(keys, high, block), 4 * n);
  }
}

// Values in [0, 1), which are at most 1 - 2^-24 or 1 - 2^-53 anyway.
struct Unit {
  template <class T, int R>
  FASTNET_INLINE Vec<T, R> operator()(Vec<T, R> u) const {
    return u;
  }
};

template <class T>
struct Affine {
  UniformRange<T> range;
  template <int R>
  FASTNET_INLINE Vec<T, R> operator()(Vec<T, R> u) const {
    const Vec<T, R> v = splat<T, R>(range.low) + splat<T, R>(range.width) * u;
    return min(v, splat<T, R>(range.top));
  }
};

// out[i] = map of the value in [0, 1) at position + i.
template <class T, class Map>
FASTNET_INLINE void fill(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                         const Map& map, T* out, Index n) {
  constexpr int R = kPhiloxRegisters;
  constexpr std::uint64_t in_block = 16 / sizeof(T);
  const PhiloxKeys keys = philox_keys(key);
  std::uint64_t block = position / in_block;
  const Index skip = static_cast<Index>(position % in_block);
  if (skip > 0 && n > 0) {
    constexpr Index group = Vec<T, 2>::kLanes;
    T first[group];
    store(first, map(unit_interval(philox<1>(keys, high, block), T())));
    const Index count = n < group - skip ? n : group - skip;
    for (Index i = 0; i < count; ++i) out[i] = first[skip + i];
    out += count;
    n -= count;
    block += kPhiloxBlocks<1>;
  }
  constexpr Index group = Vec<T, 2 * R>::kLanes;
  for (; n >= group; n -= group, out += group, block += kPhiloxBlocks<R>) {
    store(out, map(unit_interval(philox<R>(keys, high, block), T())));
  }
  constexpr Index rest = Vec<T, 2>::kLanes;
  for (; n > 0; n -= rest, out += rest, block += kPhiloxBlocks<1>) {
    store_partial(out, map(unit_interval(philox<1>(keys, high, block), T())), n);
  }
}

template <class T>
void uniform(std::uint64_t key, std::uint64_t high, std::uint64_t position,
             const UniformRange<T>& range, T* out, Index n) noexcept {
  if (range.low == T(0) && range.width == T(1)) {
    fill(key, high, position, Unit{}, out, n);
  } else {
    fill(key, high, position, Affine<T>{range}, out, n);
  }
}

}  // namespace

void fill_random(Kernels& table) noexcept {
  table.bits = {blocks};
  table.f32.random = {uniform<float>};
  table.f64.random = {uniform<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
