// Central moments of values: one pass over a block, accurate wherever its mean lies.
#pragma once

#include <cstddef>

namespace fastnet {

// The moments of a set of values, as sums around its mean. A plain struct without initialisers,
// because kernels fill it; engine/moments.hpp makes an empty one and merges two.
struct Moments {
  double n;         // how many values, or the sum of their weights
  double mean;      // rounded to double, and
  double rest;      // what rounding took: mean + rest is the mean to about twice the precision
  double m2;        // sum of w (x - mean)^2
  double m3;        // ... ^3
  double m4;        // ... ^4
  double min, max;  // of the values with a positive weight; +inf and -inf if there are none
};

// Values in a block at most, and rows in a block of columns.
constexpr std::ptrdiff_t kMomentsBlock = 4096;
constexpr std::ptrdiff_t kMomentsRows = 1024;

// Lanes that a block's values go to.
constexpr std::ptrdiff_t kMomentLanes = 16;

// Sums of powers and extremes of lanes: E is the type of the extremes.
template <class E, std::ptrdiff_t kLanes>
struct LaneSums {
  alignas(64) double weight[kLanes], s1[kLanes], s2[kLanes], s3[kLanes], s4[kLanes];
  alignas(64) E min[kLanes], max[kLanes];
};

// The sums of a block that comes in pieces.
template <class T>
struct PieceSums {
  LaneSums<T, kMomentLanes> lanes;
  double pivot;
};

// A block's sums of d, d^2, d^3, d^4 with d = x - pivot are taken in double: value i of a block
// goes to lane i % 16, the lanes are added over one fixed tree; a column's values are added in
// order. The pivot is near the mean: that of the block's first 16 values (8 rows), and if it turns
// out to be further than two standard deviations from the block's mean, that mean in a second pass.
//
// Error: d = fl(x - pivot) is within u = 2^-53 of x - pivot, relatively, and |pivot - mean| <= 2
// sd. With K = 4096 / 16 + 4 additions on the longest way to a sum (1024 for a column), the sums of
// |d|^k err by at most (K + 2 k) u, relatively. Turning them into sums around the mean adds sums up
// to 5 times (m2: n delta^2 <= 4 m2) and 48 times (m4; by |delta| <= 2 sd and E[d^2]^2 <= E[d^4])
// as large as the result, so that
//   |error of m2| <= 5 (K + 8) u m2,  |error of m4| <= 48 (K + 8) u m4,
// and that of m3 is as m4's relative to n (m4 / n)^(3/4): at most 3e-13 (1.2e-12) of m2 whatever
// the mean is, and in practice some 1e-15, since roundings are as often up as down. The second pass
// has |delta| <= K u |mean|, so the same holds as long as the standard deviation is above that.
template <class T>
struct MomentsKernels {
  // out = the moments of x[0 .. n), n <= kMomentsBlock, weighted by w[i] >= 0 unless w is null.
  // NaNs are left out, as are values with weight 0; returns how many NaNs with a positive weight
  // there were. An infinite value makes the mean infinite and m2 to m4 NaN.
  std::ptrdiff_t (*block)(const T* x, const double* w, std::ptrdiff_t n, Moments* out) noexcept;
  // The same block in pieces of whole multiples of 16 values but for the last: begin() with the
  // first piece, add() for each of them, finish() with the number of all their values. False,
  // leaving it to block(), where a value is not finite, the pivot was far from the mean, or there
  // are no values.
  void (*begin)(const T* x, std::ptrdiff_t n, PieceSums<T>* sums) noexcept;
  void (*add)(const T* x, std::ptrdiff_t n, PieceSums<T>* sums) noexcept;
  bool (*finish)(const PieceSums<T>& sums, std::ptrdiff_t n, Moments* out) noexcept;
  // out[c] and nans[c] likewise of column c, x[r * row + c] for r < rows <= kMomentsRows; w[r] is
  // the weight of a row.
  void (*columns)(const T* x, std::ptrdiff_t row, std::ptrdiff_t rows, std::ptrdiff_t columns,
                  const double* w, Moments* out, std::ptrdiff_t* nans) noexcept;
};

}  // namespace fastnet
