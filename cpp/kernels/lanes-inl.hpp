// Values that move between lanes: reductions of a logical vector, transposition of matrices.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// ---- reductions of a logical vector over one fixed tree ----
//
// lane i is combined with lane i + half, for half = lanes / 2, lanes / 4, ..., 1: the same tree at
// every level.
template <class T, class Combine>
FASTNET_INLINE T reduce_lanes(Vec<T> v, Combine combine) {
  constexpr int lanes = Vec<T>::kLanes;
  alignas(64) T x[lanes];
  store(x, v);
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x[i] = combine(x[i], x[i + half]);
  }
  return x[0];
}

// Lane (i + Half) % lanes of a register in lane i.
template <int Half, class T>
FASTNET_INLINE Vec<T, 1> rotate_lanes(Vec<T, 1> v) {
  constexpr int n = Vec<T, 1>::kLanes;
  constexpr int h = Half;
  const Native<T> a = v.r[0];
  if constexpr (n == 16) {
    return {__builtin_shufflevector(a, a, h, (h + 1) % n, (h + 2) % n, (h + 3) % n, (h + 4) % n,
                                    (h + 5) % n, (h + 6) % n, (h + 7) % n, (h + 8) % n, (h + 9) % n,
                                    (h + 10) % n, (h + 11) % n, (h + 12) % n, (h + 13) % n,
                                    (h + 14) % n, (h + 15) % n)};
  } else if constexpr (n == 8) {
    return {__builtin_shufflevector(a, a, h, (h + 1) % n, (h + 2) % n, (h + 3) % n, (h + 4) % n,
                                    (h + 5) % n, (h + 6) % n, (h + 7) % n)};
  } else if constexpr (n == 4) {
    return {__builtin_shufflevector(a, a, h, (h + 1) % n, (h + 2) % n, (h + 3) % n)};
  } else {
    return {__builtin_shufflevector(a, a, h, (h + 1) % n)};
  }
}

// reduce_lanes for a `combine` of Vec<T, 1>, without leaving the registers.
template <class T, class Combine>
FASTNET_INLINE T reduce_registers(Vec<T> v, Combine combine) {
#pragma GCC unroll 4
  for (int half = kLogical / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (int i = 0; i < half; ++i) {
      v.r[i] = combine(Vec<T, 1>{v.r[i]}, Vec<T, 1>{v.r[i + half]}).r[0];
    }
  }
  constexpr int lanes = Vec<T, 1>::kLanes;
  Vec<T, 1> a = {v.r[0]};
  if constexpr (lanes >= 16) a = combine(a, rotate_lanes<8>(a));
  if constexpr (lanes >= 8) a = combine(a, rotate_lanes<4>(a));
  if constexpr (lanes >= 4) a = combine(a, rotate_lanes<2>(a));
  a = combine(a, rotate_lanes<1>(a));
  return a.r[0][0];
}
template <class T>
FASTNET_INLINE T reduce_add(Vec<T> v) {
  return reduce_registers(v, [](Vec<T, 1> a, Vec<T, 1> b) { return a + b; });
}
// For lanes without NaN.
template <class T>
FASTNET_INLINE T reduce_max(Vec<T> v) {
  return reduce_registers(v, [](Vec<T, 1> a, Vec<T, 1> b) { return max(a, b); });
}

// ---- transposition ----

// One step of a transposition: a and b, rows i and i + Step of blocks of 2 Step, exchange the lanes
// off the diagonal: a's upper half of each block for b's lower one.
template <int Step, class T>
FASTNET_INLINE void exchange_lanes(Vec<T, 1>* a, Vec<T, 1>* b) {
  constexpr int n = Vec<T, 1>::kLanes;
  const Native<T> x = a->r[0], y = b->r[0];
#define FASTNET_LOW(l) ((l)&Step ? n + (l)-Step : (l))
#define FASTNET_HIGH(l) ((l)&Step ? n + (l) : (l) + Step)
#define FASTNET_4(F, l) F(l), F(l + 1), F(l + 2), F(l + 3)
#define FASTNET_8(F, l) FASTNET_4(F, l), FASTNET_4(F, l + 4)
  if constexpr (n == 16) {
    a->r[0] = __builtin_shufflevector(x, y, FASTNET_8(FASTNET_LOW, 0), FASTNET_8(FASTNET_LOW, 8));
    b->r[0] = __builtin_shufflevector(x, y, FASTNET_8(FASTNET_HIGH, 0), FASTNET_8(FASTNET_HIGH, 8));
  } else if constexpr (n == 8) {
    a->r[0] = __builtin_shufflevector(x, y, FASTNET_8(FASTNET_LOW, 0));
    b->r[0] = __builtin_shufflevector(x, y, FASTNET_8(FASTNET_HIGH, 0));
  } else if constexpr (n == 4) {
    a->r[0] = __builtin_shufflevector(x, y, FASTNET_4(FASTNET_LOW, 0));
    b->r[0] = __builtin_shufflevector(x, y, FASTNET_4(FASTNET_HIGH, 0));
  } else {
    a->r[0] = __builtin_shufflevector(x, y, FASTNET_LOW(0), FASTNET_LOW(1));
    b->r[0] = __builtin_shufflevector(x, y, FASTNET_HIGH(0), FASTNET_HIGH(1));
  }
#undef FASTNET_8
#undef FASTNET_4
#undef FASTNET_HIGH
#undef FASTNET_LOW
}

// Transposes a square of registers in log2(lanes) steps: blocks of 2 x 2 lanes, of 4 x 4, ...
template <int Step, class T>
FASTNET_INLINE void exchange_rows(Vec<T, 1>* rows) {
  constexpr int n = Vec<T, 1>::kLanes;
  if constexpr (Step < n) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      if (!(i & Step)) exchange_lanes<Step>(rows + i, rows + i + Step);
    }
    exchange_rows<2 * Step>(rows);
  }
}

template <class T>
void transpose(const T* src, Index rows, Index cols, Index src_row, T* dst,
               Index dst_row) noexcept {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  for (Index i = 0; i < rows; i += lanes) {
    const Index height = rows - i < lanes ? rows - i : lanes;
    for (Index j = 0; j < cols; j += lanes) {
      const Index width = cols - j < lanes ? cols - j : lanes;
      const T* from = src + i * src_row + j;
      T* to = dst + j * dst_row + i;
      Vec<T, 1> square[lanes];
      if (height == lanes && width == lanes) {
#pragma GCC unroll 16
        for (Index r = 0; r < lanes; ++r) square[r] = load<T, 1>(from + r * src_row);
        exchange_rows<1>(square);
#pragma GCC unroll 16
        for (Index r = 0; r < lanes; ++r) store(to + r * dst_row, square[r]);
        continue;
      }
#pragma GCC unroll 16
      for (Index r = 0; r < lanes; ++r) {
        square[r] = r < height ? load_partial<T, 1>(from + r * src_row, width) : zero<T, 1>();
      }
      exchange_rows<1>(square);
#pragma GCC unroll 16
      for (Index r = 0; r < lanes; ++r) {
        if (r < width) store_partial(to + r * dst_row, square[r], height);
      }
    }
  }
}

// ---- rows of a few columns, one register to a column ----

constexpr Index kNarrow = 16;

// column[c] = column c of as many rows as a register has lanes, c < n <= kNarrow; zero in the lanes
// beyond `rows`.
template <class T>
FASTNET_INLINE void load_columns(const T* x, Index x_row, Index rows, Index n, Vec<T, 1>* column) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  for (Index j = 0; j < n; j += lanes) {
    Vec<T, 1> square[lanes];
#pragma GCC unroll 16
    for (Index r = 0; r < lanes; ++r) {
      square[r] = r < rows ? load_partial<T, 1>(x + r * x_row + j, n - j) : zero<T, 1>();
    }
    exchange_rows<1>(square);
#pragma GCC unroll 16
    for (Index c = 0; c < lanes; ++c) column[j + c] = square[c];
  }
}
template <class T>
FASTNET_INLINE void store_columns(const Vec<T, 1>* column, T* y, Index y_row, Index rows, Index n) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  for (Index j = 0; j < n; j += lanes) {
    Vec<T, 1> square[lanes];
#pragma GCC unroll 16
    for (Index c = 0; c < lanes; ++c) square[c] = column[j + c];
    exchange_rows<1>(square);
#pragma GCC unroll 16
    for (Index r = 0; r < lanes; ++r) {
      if (r < rows) store_partial(y + r * y_row + j, square[r], n - j);
    }
  }
}

// The sum over columns by the tree of reduce_lanes for 16 lanes (and of RowSum before it where a
// vector has fewer).
template <class T>
FASTNET_INLINE Vec<T, 1> sum_columns(const Vec<T, 1>* column, Index n) {
  Vec<T, 1> sum[kNarrow / 2];
  for (Index c = 0; c < kNarrow / 2; ++c) {
    sum[c] = c + kNarrow / 2 < n ? column[c] + column[c + kNarrow / 2]
             : c < n             ? column[c]
                                 : zero<T, 1>();
  }
#pragma GCC unroll 3
  for (Index half = kNarrow / 4; half > 0; half /= 2) {
    for (Index c = 0; c < half; ++c) sum[c] = sum[c] + sum[c + half];
  }
  return sum[0];
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
