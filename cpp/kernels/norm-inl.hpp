// Sums down columns, and the statistics and gradients that normalisations share.
#pragma once

#include "dispatch/norm.hpp"
#include "kernels/reduce-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Columns are summed in panels of 16 logical vectors, blocks of 64 rows and, within, 8 rows at a
// time, which are 8 streams that the CPU's prefetchers follow. In a block two chains of 32, for
// even and odd rows, make a column's sum; the blocks are added in order. The error is at most (33 +
// rows / 64) roundings of the sum of magnitudes.
constexpr Index kColumnBlock = 64;
constexpr Index kStreams = 8;
template <class T>
constexpr Index kPanelColumns = 16 * Vec<T>::kLanes;
template <class T, int N>
struct PanelSums {
  alignas(64) T total[N][kPanelColumns<T>];
};

// N sums down `columns` columns; terms(i, c, place, t) sets t[0 .. N) to row i's terms at column c.
template <class T, int N, class Terms>
FASTNET_INLINE void sum_down(Index rows, Index columns, PanelSums<T, N>& sums, Terms terms) {
  PanelSums<T, 2 * N> chains;
  std::memset(&sums, 0, sizeof sums);
  for (Index block = 0; block < rows; block += kColumnBlock) {
    const Index block_end = rows - block < kColumnBlock ? rows : block + kColumnBlock;
    std::memset(&chains, 0, sizeof chains);
    for (Index first = block; first < block_end; first += kStreams) {
      const Index end = block_end - first < kStreams ? block_end : first + kStreams;
      along_row<T>(columns, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
        Vec<T> chain[2 * N], t[N];
#pragma GCC unroll 4
        for (int k = 0; k < 2 * N; ++k) chain[k] = load(chains.total[k] + c);
        const auto add = [&](Index i, int odd) FASTNET_INLINE_LAMBDA {
          terms(i, c, place, t);
#pragma GCC unroll 2
          for (int k = 0; k < N; ++k) chain[odd * N + k] = chain[odd * N + k] + t[k];
        };
        Index i = first;
        for (; i + 1 < end; i += 2) {
          add(i, 0);
          add(i + 1, 1);
        }
        if (i < end) add(i, 0);
#pragma GCC unroll 4
        for (int k = 0; k < 2 * N; ++k) store(chains.total[k] + c, chain[k]);
      });
    }
    for (Index c = 0; c < columns; c += Vec<T>::kLanes) {
#pragma GCC unroll 2
      for (int k = 0; k < N; ++k) {
        T* total = sums.total[k] + c;
        store(total, load(total) + (load(chains.total[k] + c) + load(chains.total[N + k] + c)));
      }
    }
  }
}

// Calls f(first, columns) for one panel after another.
template <class T, class F>
FASTNET_INLINE void for_panels(Index n, F f) {
  constexpr Index width = kPanelColumns<T>;
  for (Index first = 0; first < n; first += width) {
    f(first, n - first < width ? n - first : width);
  }
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
  for_panels<T>(a.n, [&](Index first, Index columns) FASTNET_INLINE_LAMBDA {
    PanelSums<T, 2> sums;
    sum_down<T, 2>(a.rows, columns, sums,
                   [&](Index i, Index c, auto place, Vec<T>* t) FASTNET_INLINE_LAMBDA {
                     c += first;
                     const Vec<T> dy = load_at(a.dy + i * a.dy_row + c, place);
                     const Vec<T> x = load_at(a.x + i * a.x_row + c, place);
                     t[0] = dy * ((x - mean(i, c, place)) * rstd(i, c, place));
                     t[1] = dy;
                   });
    along_row<T>(columns, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      store_at(a.dweight + first + c, load(sums.total[0] + c), place);
      store_at(a.dbias + first + c, load(sums.total[1] + c), place);
    });
  });
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
