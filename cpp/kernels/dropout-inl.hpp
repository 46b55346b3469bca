// Dropout of a run of one row's elements, whose mask comes from counters.
#pragma once

#include "dispatch/dropout.hpp"
#include "kernels/philox-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// All bits of an element's lane are set where its word is at least the threshold.
template <int R>
FASTNET_INLINE Mask<float, R> kept(Vec<std::uint32_t, R> words, std::uint32_t threshold, float) {
  return greater_equal(words, splat<std::uint32_t, R>(threshold));
}
template <int R>
FASTNET_INLINE Mask<double, 2 * R> kept(Vec<std::uint32_t, R> words, std::uint32_t threshold,
                                        double) {
  return greater_equal(widen(words), splat<std::uint64_t, 2 * R>(threshold));
}

// Whole groups of R registers of counters from column j on; returns the first column left over.
// With `rest` the remaining columns, fewer than a group, are done too.
template <int R, bool rest, class T>
FASTNET_INLINE Index dropout_columns(const PhiloxKeys& keys, std::uint64_t high, std::uint64_t row,
                                     std::uint32_t threshold, T scale, const T* x, T* y, Index j,
                                     Index cols) {
  constexpr int registers = 2 * R * static_cast<int>(sizeof(T)) / 4;
  constexpr Index group = 4 * kPhiloxBlocks<R>;
  static_assert(Vec<T, registers>::kLanes == group);
  const Vec<T, registers> factor = splat<T, registers>(scale), none = zero<T, registers>();
  for (; rest ? j < cols : j + group <= cols; j += group) {
    const std::uint64_t block = row << 32 | static_cast<std::uint64_t>(j) / 4;
    const Mask<T, registers> keep = kept(philox<R>(keys, high, block), threshold, T());
    if (!rest || j + group <= cols) {
      store(y + j, select(keep, load<T, registers>(x + j) * factor, none));
    } else {
      const Vec<T, registers> v = load_partial<T, registers>(x + j, cols - j);
      store_partial(y + j, select(keep, v * factor, none), cols - j);
    }
  }
  return j;
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
