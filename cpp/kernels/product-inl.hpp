// Register tiles of the matrix product.
//
// A tile holds kRows x kVecs native registers of C while p runs over k:
//
//            b[p][0 .. kVecs)          one row of B: kVecs loads
//   a[0][p]  acc[0][0] acc[0][1]       each element of A is broadcast once
//   a[1][p]  acc[1][0] acc[1][1]       and meets kVecs registers
//
// FMA has a latency of 4 cycles and a throughput of 1 (zmm) or 1/2 (ymm), so at least 4 or 8 chains
// must be under way; loads (rows + vecs for rows * vecs FMAs) must not outnumber the FMAs.
#pragma once

#include "dispatch/product.hpp"
#include "kernels/activation-inl.hpp"
#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// The highest tile of one, two and four registers' width. Accumulators + one row of B + one
// broadcast must fit the register file: 32 registers (AVX-512, NEON) or 16.
#if defined(__AVX512F__)
constexpr int kRows1 = 14, kRows2 = 14, kRows4 = 6;  // 14 + 2, 28 + 3, 24 + 5 registers
#elif defined(__ARM_NEON)
constexpr int kRows1 = 12, kRows2 = 10, kRows4 = 6;
#else
constexpr int kRows1 = 6, kRows2 = 6, kRows4 = 3;  // 6 + 2, 12 + 3, 12 + (B from memory) + 1
#endif

// Rows of B that are fetched ahead: hardware does not follow rows into other pages, and the first
// tile of a panel meets all of them in L2 or beyond. 24 rows are some 700 cycles of 28 FMA.
constexpr Index kAhead = 24;

template <class T>
struct Tile {
  Index k;
  const T* a;
  Index a_row, a_k;
  const T* b;
  Index b_row;
  Index next;  // from b to a line of the next panel, which is to be fetched meanwhile; 0: none
  T* c;
  Index c_row;
  Index n;        // columns of C that exist, at most kVecs registers
  const T* bias;  // null, or n values
  bool accumulate, relu;
};

// kUnitRow: a_row is 1 (A transposed, as in dW); otherwise a_k is 1.
template <class T, int kRows, int kVecs, bool kUnitRow>
void compute_tile(const Tile<T>& t) noexcept {
  using V = Vec<T, 1>;
  constexpr Index lanes = V::kLanes;
  V acc[kRows][kVecs];
  const bool whole = t.n == kVecs * lanes;

#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) acc[i][j] = zero<T, 1>();
  }
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) {
        const T* c = t.c + i * t.c_row + j * lanes;
        acc[i][j] = whole ? load<T, 1>(c) : load_partial<T, 1>(c, t.n - j * lanes);
      }
    }
  }

  // Rows are reached as group pointer + {0, 1, 2, 3} strides: 4 pointers and 3 offsets serve 14
  // rows.
  constexpr int kGroups = (kRows + 3) / 4;
  const T* group[kGroups];
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) group[g] = t.a + (kUnitRow ? 4 * g : 4 * g * t.a_row);
  const Index row = kUnitRow ? 1 : t.a_row, row2 = 2 * row, row3 = 3 * row;
  const Index step = kUnitRow ? t.a_k : 1;
  const T* b = t.b;
  for (Index p = 0; p < t.k; ++p) {
#pragma GCC unroll 8
    for (int j = 0; j < kVecs * kNativeBytes; j += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(b + kAhead * t.b_row) + j);
    }
    __builtin_prefetch(b + t.next, 0, 2);  // to L2
    V bv[kVecs];
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) bv[j] = load<T, 1>(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const T* base = group[i / 4];
      const T x = (i % 4 == 0)   ? base[0]
                  : (i % 4 == 1) ? base[row]
                  : (i % 4 == 2) ? base[row2]
                                 : base[row3];
      const V av = splat<T, 1>(x);
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) acc[i][j] = fma(av, bv[j], acc[i][j]);
    }
    b += t.b_row;
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) group[g] += step;
  }

  if (t.bias) {
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) {
      const T* bias = t.bias + j * lanes;
      const V v = whole ? load<T, 1>(bias) : load_partial<T, 1>(bias, t.n - j * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) acc[i][j] = acc[i][j] + v;
    }
  }
  if (t.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) acc[i][j] = relu(acc[i][j]);
    }
  }
  if (whole) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) store(t.c + i * t.c_row + j * lanes, acc[i][j]);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) {
        store_partial(t.c + i * t.c_row + j * lanes, acc[i][j], t.n - j * lanes);
      }
    }
  }
}

template <class T>
using TileFunction = void (*)(const Tile<T>&) noexcept;

// tiles[rows - 1] for one width.
template <class T, int kVecs, bool kUnitRow, int... kRows>
struct TileList {
  static constexpr TileFunction<T> tiles[] = {compute_tile<T, kRows, kVecs, kUnitRow>...};
};

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
