// Transposing a matrix, a square of registers at a time.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

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

// Transposes a square of registers in log2(lanes) steps: blocks of 2 x 2 lanes, of 4 x 4, ...
template <class T>
FASTNET_INLINE void transpose_square(Vec<T, 1> (&rows)[Vec<T, 1>::kLanes]) {
  exchange_rows<1>(rows);
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
        transpose_square<T>(square);
#pragma GCC unroll 16
        for (Index r = 0; r < lanes; ++r) store(to + r * dst_row, square[r]);
        continue;
      }
#pragma GCC unroll 16
      for (Index r = 0; r < lanes; ++r) {
        square[r] = r < height ? load_partial<T, 1>(from + r * src_row, width) : zero<T, 1>();
      }
      transpose_square<T>(square);
#pragma GCC unroll 16
      for (Index r = 0; r < lanes; ++r) {
        if (r < width) store_partial(to + r * dst_row, square[r], height);
      }
    }
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
