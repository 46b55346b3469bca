// Moments of arrays: what one pass over a block gives, merged over a fixed tree.
//
// Leaves of the tree are blocks of kMomentsBlock values (kMomentsRows rows, for columns), numbered
// from the start; a node of height h covers blocks [k 2^h, (k + 1) 2^h). So the bits depend on the
// values and their order alone, and two halves can be done by whomever and merged.
#pragma once

#include <cstddef>
#include <limits>

#include "dispatch/moments.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

constexpr Moments empty_moments() noexcept {
  constexpr double inf = std::numeric_limits<double>::infinity();
  return {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, inf, -inf};
}

// The moments of both sets of values together (Pebay, SAND2008-6212, section 3). The means are
// subtracted as pairs, so that their distance keeps its precision where both are large.
Moments merge(const Moments& a, const Moments& b) noexcept;

// Merges leaves, added in order, over the tree above.
class MomentsTree {
 public:
  void add(const Moments& leaf) noexcept;
  Moments total() const noexcept;

 private:
  static constexpr int kHeight = 48;
  Moments node_[kHeight];  // node_[h] is one of height h where bit h of count_ is set
  Index count_ = 0;
};

// The moments of x[0 .. n) by blocks, on the calling thread; adds the number of NaNs to *nans.
template <class T>
Moments moments(const T* x, const double* w, Index n, Index* nans) noexcept;

// Values x[i * outer_step + r * step + c]: of every i < outer and c < inner a set of n values.
template <class T>
struct MomentsView {
  const T* x;
  Index outer, n, inner;
  Index outer_step, step;
  const double* weight;  // weight[i * weight_step + r], or null
  Index weight_step;     // n or 0
};

// out and nans (outer, inner): the moments of each set and how many of its values are NaN and left
// out. Throws std::bad_alloc.
template <class T>
void moments_along(const MomentsView<T>& view, Moments* out, Index* nans);

// out (sets, sets): sums of w (x_i - mean_i)(x_j - mean_j) over the n values of every two sets,
// with the moments found before; outer or inner is 1. One weight for the i-th values of all sets.
// Sums are taken over pieces of 256 values, those in order within 16 equal parts (2 for more than
// 256 sets, whose matrices are large), and the parts in order. Throws std::bad_alloc.
template <class T>
void covariance_of(const MomentsView<T>& view, const Moments* moments, double* out);

}  // namespace fastnet
