// The matrix product with few columns, such as those of a regression's or a policy's last layer.
//
// A row of B fills a fraction of a register there, so lanes are rows of C instead: the register
// tiles spend an FMA on every element of A, these loops one on every kLanes elements and column.
// The chains and so the bits are those of the tiles.
#pragma once

#include "dispatch/product.hpp"
#include "kernels/activation-inl.hpp"
#include "kernels/lanes-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Turning A costs about as much as a quarter of its FMAs, so up to here the loops below win.
template <class T>
constexpr Index kNarrowColumns = Vec<T, 1>::kLanes / 4;

// The first `rows` lanes to a column of C.
template <class T>
FASTNET_INLINE void store_column(T* c, Index c_row, Index rows, Vec<T, 1> v) {
  T lane[Vec<T, 1>::kLanes];
  store(lane, v);
  for (Index i = 0; i < rows; ++i) c[i * c_row] = lane[i];
}

// What follows the sums of a column, then the store.
template <class T>
FASTNET_INLINE void finish_column(const ProductArgs<T>& args, Index i, Index j, Index rows,
                                  Vec<T, 1> acc) {
  if (args.bias) acc = acc + splat<T, 1>(args.bias[j]);
  if (args.relu) acc = relu(acc);
  store_column(args.c + i * args.c_row + j, args.c_row, rows, acc);
}

// `count` rows of B meet as many registers of C's rows.
template <int kCols, class T>
FASTNET_INLINE void add_square(const Vec<T, 1>* square, const T* b, Index b_row, Index count,
                               Vec<T, 1>* acc) {
#pragma GCC unroll 16
  for (int p = 0; p < Vec<T, 1>::kLanes; ++p) {
    if (p == count) break;
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) {
      acc[j] = fma(square[p], splat<T, 1>(b[p * b_row + j]), acc[j]);
    }
  }
}

// A by rows: squares of it are transposed in registers. kBlocks of them are under way, so that
// one's chain of FMAs runs while the next is turned; `rows` is what is left of C's rows where it
// is 1.
template <class T, int kCols, int kBlocks>
FASTNET_INLINE void narrow_rows(const ProductArgs<T>& args, Index i, Index rows) {
  using V = Vec<T, 1>;
  constexpr Index lanes = V::kLanes;
  V acc[kBlocks][kCols];
#pragma GCC unroll 8
  for (int v = 0; v < kBlocks; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) acc[v][j] = zero<T, 1>();
  }
  for (Index p = 0; p < args.k; p += lanes) {
    const Index width = args.k - p < lanes ? args.k - p : lanes;
    const T* b = args.b + p * args.b_row;
#pragma GCC unroll 8
    for (int v = 0; v < kBlocks; ++v) {
      const T* a = args.a + (i + v * lanes) * args.a_row + p;
      V square[lanes];
      if (rows == lanes && width == lanes) {
#pragma GCC unroll 16
        for (Index r = 0; r < lanes; ++r) square[r] = load<T, 1>(a + r * args.a_row);
        exchange_rows<1>(square);
        add_square<kCols>(square, b, args.b_row, lanes, acc[v]);
      } else {
#pragma GCC unroll 16
        for (Index r = 0; r < lanes; ++r) {
          square[r] = r < rows ? load_partial<T, 1>(a + r * args.a_row, width) : zero<T, 1>();
        }
        exchange_rows<1>(square);
        add_square<kCols>(square, b, args.b_row, width, acc[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kBlocks; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) finish_column(args, i + v * lanes, j, rows, acc[v][j]);
  }
}

template <class T, int kCols>
void narrow_by_rows(const ProductArgs<T>& args) noexcept {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  // Two squares at once, if their lines find room in a first cache of 32 KiB: of lines `apart`
  // bytes from each other, a power of two up to 4 KiB, it holds 32 KiB / apart.
  const Index bytes = args.a_row * Index(sizeof(T));
  const Index lowest_bit = bytes & -bytes;
  const Index apart = lowest_bit < 4096 ? lowest_bit : 4096;
  Index i = 0;
  if (2 * lanes * apart <= 32768) {
    for (; args.m - i >= 2 * lanes; i += 2 * lanes) narrow_rows<T, kCols, 2>(args, i, lanes);
  }
  for (; i < args.m; i += lanes) {
    narrow_rows<T, kCols, 1>(args, i, args.m - i < lanes ? args.m - i : lanes);
  }
}

// A by columns, as in dW: its columns are registers as they lie. `rows` is what is left of C's rows
// where kVecs is 1.
template <class T, int kCols, int kVecs>
FASTNET_INLINE void narrow_columns(const ProductArgs<T>& args, Index i, Index rows) {
  using V = Vec<T, 1>;
  constexpr Index lanes = V::kLanes;
  V acc[kVecs][kCols];
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) acc[v][j] = zero<T, 1>();
  }
  const T* a = args.a + i;
  const T* b = args.b;
  for (Index p = 0; p < args.k; ++p, a += args.a_k, b += args.b_row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const V av = kVecs > 1 ? load<T, 1>(a + v * lanes) : load_partial<T, 1>(a, rows);
#pragma GCC unroll 4
      for (int j = 0; j < kCols; ++j) acc[v][j] = fma(av, splat<T, 1>(b[j]), acc[v][j]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) finish_column(args, i + v * lanes, j, rows, acc[v][j]);
  }
}

template <class T, int kCols>
void narrow_by_columns(const ProductArgs<T>& args) noexcept {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  constexpr int kVecs = kCols == 1 ? 8 : 4;  // chains under way; more lines of A's rows at once
  Index i = 0;
  for (; args.m - i >= kVecs * lanes; i += kVecs * lanes) {
    narrow_columns<T, kCols, kVecs>(args, i, lanes);
  }
  for (; i < args.m; i += lanes) {
    narrow_columns<T, kCols, 1>(args, i, args.m - i < lanes ? args.m - i : lanes);
  }
}

template <class T, int kCols>
FASTNET_INLINE void narrow_of(const ProductArgs<T>& args) {
  if (args.a_k == 1) {
    narrow_by_rows<T, kCols>(args);
  } else {
    narrow_by_columns<T, kCols>(args);
  }
}

// C = A B of 1 to kNarrowColumns columns.
template <class T>
void narrow_product(const ProductArgs<T>& args) noexcept {
  constexpr Index most = kNarrowColumns<T>;
  if constexpr (most >= 1) {
    if (args.n == 1) return narrow_of<T, 1>(args);
  }
  if constexpr (most >= 2) {
    if (args.n == 2) return narrow_of<T, 2>(args);
  }
  if constexpr (most >= 4) {
    if (args.n == 3) return narrow_of<T, 3>(args);
    narrow_of<T, 4>(args);
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
