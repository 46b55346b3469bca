// Sums down columns, and the statistics and gradients that normalisations share.
#pragma once

#include "dispatch/norm.hpp"
#include "kernels/reduce-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// N sums down one logical vector of columns. Rows are taken in blocks of 64: two chains of 32, for
// even and odd rows, are added at a block's end, and the blocks in order. The error is at most
// (33 + rows / 64) roundings of the sum of magnitudes.
constexpr Index kColumnBlock = 64;
template <class T, int N>
struct ColumnSums {
  Vec<T> total[N];
};
// terms(i, t) sets t[0 .. N) to row i's terms.
template <class T, int N, class Terms>
FASTNET_INLINE ColumnSums<T, N> sum_down(Index rows, Terms terms) {
  ColumnSums<T, N> sums;
#pragma GCC unroll 2
  for (int k = 0; k < N; ++k) sums.total[k] = zero<T>();
  for (Index first = 0; first < rows; first += kColumnBlock) {
    const Index end = rows - first < kColumnBlock ? rows : first + kColumnBlock;
    Vec<T> even[N], odd[N], t[N];
#pragma GCC unroll 2
    for (int k = 0; k < N; ++k) even[k] = odd[k] = zero<T>();
    Index i = first;
    for (; i + 1 < end; i += 2) {
      terms(i, t);
#pragma GCC unroll 2
      for (int k = 0; k < N; ++k) even[k] = even[k] + t[k];
      terms(i + 1, t);
#pragma GCC unroll 2
      for (int k = 0; k < N; ++k) odd[k] = odd[k] + t[k];
    }
    if (i < end) {
      terms(i, t);
#pragma GCC unroll 2
      for (int k = 0; k < N; ++k) even[k] = even[k] + t[k];
    }
#pragma GCC unroll 2
    for (int k = 0; k < N; ++k) sums.total[k] = sums.total[k] + (even[k] + odd[k]);
  }
  return sums;
}

// The sum of squares around the mean, from the sums of d and d^2 around a value near it. Rounding
// can't make it negative; NaN stays.
template <class T, int R>
FASTNET_INLINE Vec<T, R> squares_around_mean(Vec<T, R> sum, Vec<T, R> squares, Vec<T, R> shift) {
  const Vec<T, R> m2 = squares - sum * shift, none = zero<T, R>();
  return select(less(m2, none), none, m2);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> inverse_std(Vec<T, R> variance, Vec<T, R> eps) {
  return splat<T, R>(T(1)) / sqrt(variance + eps);
}

// The vector at p + c, or `otherwise` everywhere if there is no p.
template <class T, class Place>
FASTNET_INLINE Vec<T> load_or(const T* p, Index c, Place place, T otherwise) {
  return p ? load_at(p + c, place) : splat(otherwise);
}

// y from xhat.
template <class T, class Place>
FASTNET_INLINE Vec<T> scaled_and_shifted(const NormArgs<T>& a, Vec<T> xhat, Index c, Place place) {
  if (!a.weight) return a.bias ? xhat + load_at(a.bias + c, place) : xhat;
  const Vec<T> weight = load_at(a.weight + c, place);
  return a.bias ? fma(xhat, weight, load_at(a.bias + c, place)) : xhat * weight;
}

// dweight and dbias of all columns; mean(i, c, place) and rstd(...) give vectors for row i.
template <class T, class Mean, class Rstd>
FASTNET_INLINE void gradient_sums(const NormArgs<T>& a, Mean mean, Rstd rstd) {
  along_row<T>(a.n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    const auto terms = [&](Index i, Vec<T>* t) FASTNET_INLINE_LAMBDA {
      const Vec<T> dy = load_at(a.dy + i * a.dy_row + c, place);
      const Vec<T> x = load_at(a.x + i * a.x_row + c, place);
      t[0] = dy * ((x - mean(i, c, place)) * rstd(i, c, place));
      t[1] = dy;
    };
    const auto sums = sum_down<T, 2>(a.rows, terms);
    store_at(a.dweight + c, sums.total[0], place);
    store_at(a.dbias + c, sums.total[1], place);
  });
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
