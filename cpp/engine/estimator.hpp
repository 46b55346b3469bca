// Samples drawn tile by tile, a function of them evaluated, its values folded into moments.
//
// Sample i is a pure function of the laws, the keys and i, and moments are merged over a tree of
// chunk numbers: bits do not depend on threads, pieces or order, and memory not on the number of
// samples.
#pragma once

#include "engine/integrand.hpp"

namespace fastnet {

// What is done with a value that is NaN or infinite.
enum class NanPolicy : int { kRaise, kOmit, kPropagate, kCount };

// Chunks [first, first + count), the last of `last_samples` samples.
struct ChunkRange {
  std::uint64_t first, count;
  Index last_samples;
};

// The largest range that estimate() takes: what it keeps until it has merged it.
constexpr std::uint64_t kMaxChunks = std::uint64_t(1) << 16;

// No sample had a value that is NaN or infinite.
constexpr std::uint64_t kAllFinite = ~std::uint64_t(0);

// Adds the chunks of a range to the tree, in which none of them is. With NanPolicy::kRaise the
// first sample of the range that has a value which is NaN or infinite is returned and the tree is
// left as it was; else kAllFinite. Throws std::bad_alloc.
template <class T>
std::uint64_t estimate(const Integrand<T>& integrand, const ChunkRange& range, NanPolicy policy,
                       ChunkTree& tree);

}  // namespace fastnet
