// Products of quantized rows with packed weights: register tiles as in product-inl.hpp, a group of
// two or four products where that has one.
//
// A tile leaves its sums in a buffer, which stays in L1, and a second loop scales them, adds the
// bias and stores: in registers that would make each of the tiles several times as large, for
// about 50 cycles of some thousand.
#pragma once

#include "dispatch/quantized.hpp"
#include "kernels/activation-inl.hpp"
#include "kernels/dot-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

constexpr Index kWordLanes = Words::kLanes;
constexpr Index kGroupBytes = 4;

// The highest tile of 1, 2, 4 and 8 registers' width. With the extensions as wide and high as the
// register file allows (product-inl.hpp); without, an operand of weights takes two registers, and
// small code counts for more than speed.
template <class Dot>
constexpr int kMaxRows2 = Dot::kExtension      ? 14
                          : kNativeBytes == 64 ? 8
                                               : 4;
template <class Dot>
constexpr int kMaxRows1 = Dot::kExtension ? 6 : 4;
constexpr int kMaxRows4 = 6;
// The most sums a tile leaves: 28 registers.
constexpr Index kMaxSums = 28 * kWordLanes;

template <class Dot>
struct DotTile {
  Index groups;
  const std::uint8_t* a;
  Index a_row;            // bytes
  const std::uint8_t* b;  // the group's first column
  Index b_group;          // bytes from group to group
  Index b_panel;          // bytes from panel to panel
  const std::int32_t* offset;
  typename Dot::Sum* sums;
};

FASTNET_INLINE Words load_words(const std::uint8_t* p) {
  return {*reinterpret_cast<const NativeOf<std::int32_t>::unaligned*>(p)};
}

template <class Dot, int kRows, int kVecs>
void dot_tile(const DotTile<Dot>& t) noexcept {
  using Sums = Vec<typename Dot::Sum, 1>;
  constexpr int per_panel =
      kVecs < kPanelColumns / kWordLanes ? kVecs : static_cast<int>(kPanelColumns / kWordLanes);
  constexpr int panels = kVecs / per_panel;
  Sums acc[kRows][kVecs];
#pragma GCC unroll 8
  for (int j = 0; j < kVecs; ++j) {
    Sums start = zero<typename Dot::Sum, 1>();
    if constexpr (Dot::kGroup == 4) {
      start = load<std::int32_t, 1>(t.offset + j * kWordLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) acc[i][j] = start;
  }
  // Rows are reached as in product-inl.hpp.
  constexpr int kGroups = (kRows + 3) / 4;
  const std::uint8_t* group[kGroups];
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) group[g] = t.a + 4 * g * t.a_row;
  const Index row = t.a_row, row2 = 2 * row, row3 = 3 * row;
  const std::uint8_t* b[panels];
#pragma GCC unroll 4
  for (int p = 0; p < panels; ++p) b[p] = t.b + p * t.b_panel;
  for (Index step = 0; step < t.groups; ++step) {
    typename Dot::Operand bv[kVecs];
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) {
      bv[j] = Dot::weight_operand(
          load_words(b[j / per_panel] + j % per_panel * kWordLanes * kGroupBytes));
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const std::uint8_t* base = group[i / 4];
      const std::uint8_t* p = (i % 4 == 0)   ? base
                              : (i % 4 == 1) ? base + row
                              : (i % 4 == 2) ? base + row2
                                             : base + row3;
      std::int32_t word;
      std::memcpy(&word, p, sizeof word);
      const typename Dot::Operand av = Dot::row_operand(splat<std::int32_t, 1>(word));
#pragma GCC unroll 8
      for (int j = 0; j < kVecs; ++j) acc[i][j] = Dot::add(acc[i][j], av, bv[j]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < panels; ++p) b[p] += t.b_group;
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) group[g] += kGroupBytes;
  }
  typename Dot::Sum* const sums = t.sums;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVecs; ++j) store(sums + (i * kVecs + j) * kWordLanes, acc[i][j]);
  }
}

template <class Dot>
using DotFunction = void (*)(const DotTile<Dot>&) noexcept;

// dot_tile of `rows`, one of 1 to kRows.
template <class Dot, int kRows, int kVecs>
FASTNET_INLINE DotFunction<Dot> dot_function(Index rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return dot_function<Dot, kRows - 1, kVecs>(rows);
  }
  return dot_tile<Dot, kRows, kVecs>;
}

// What a sum is worth: the scales of its row and of its columns apply to integers only.
FASTNET_INLINE Vec<float, 1> value_of(Vec<float, 1> sum, const QuantizedArgs&, Index, Index) {
  return sum;
}
FASTNET_INLINE Vec<float, 1> value_of(Words sum, const QuantizedArgs& args, Index i, Index j) {
  return convert<float>(sum) *
         (splat<float, 1>(args.a_scale[i]) * load<float, 1>(args.b_scale + j));
}

// Sums of rows [i0, i0 + rows) and columns [j0, j0 + width), row-major, to C.
template <class Sum>
FASTNET_INLINE void finish_tile(const QuantizedArgs& args, const Sum* sums, Index i0, Index rows,
                                Index j0, Index width) {
  for (Index i = i0; i < i0 + rows; ++i) {
    for (Index j = j0; j < j0 + width; j += kWordLanes, sums += kWordLanes) {
      Vec<float, 1> v = value_of(load<Sum, 1>(sums), args, i, j);
      if (args.bias) v = v + load<float, 1>(args.bias + j);
      if (args.relu) v = relu(v);
      float* c = args.c + i * args.c_row + j;
      j + kWordLanes <= args.n ? store(c, v) : store_partial(c, v, args.n - j);
    }
  }
}

template <class Dot, int kRows, int kVecs>
FASTNET_INLINE void dot_columns(const QuantizedArgs& args, DotTile<Dot> tile, Index j) {
  alignas(64) typename Dot::Sum sums[kMaxSums];
  tile.sums = sums;
  tile.offset = args.b_offset + (Dot::kGroup == 4 ? j : 0);
  const Index tiles = (args.m + kRows - 1) / kRows;
  for (Index t = 0; t < tiles; ++t) {
    const Index i = args.m * t / tiles;
    const Index rows = args.m * (t + 1) / tiles - i;
    tile.a = args.a + i * args.a_row;
    dot_function<Dot, kRows, kVecs>(rows)(tile);
    finish_tile(args, sums, i, rows, j, kVecs * kWordLanes);
  }
}

template <class Dot>
void quantized_product(const QuantizedArgs& args) noexcept {
  DotTile<Dot> tile{};
  tile.groups = (args.k + Dot::kGroup - 1) / Dot::kGroup;
  tile.a_row = args.a_row;
  tile.b_panel = tile.groups * kPanelColumns * kGroupBytes;
  for (Index j = 0; j < args.n;) {
    const Index left = packed_columns(args.n - j);
    const Index panel = left < kPanelColumns ? left : kPanelColumns;
    tile.b = args.b + tile.groups * kGroupBytes * j;
    tile.b_group = panel * kGroupBytes;
    if constexpr (Dot::kExtension) {
      // Few rows need width to have enough chains under way (product.cpp).
      if (args.m == 1 && left >= 4 * kPanelColumns) {
        dot_columns<Dot, 1, 8>(args, tile, j);
        j += 4 * kPanelColumns;
        continue;
      }
      if (args.m <= kMaxRows4 && left >= 2 * kPanelColumns) {
        dot_columns<Dot, kMaxRows4, 4>(args, tile, j);
        j += 2 * kPanelColumns;
        continue;
      }
    }
    for (Index end = j + panel; j < end;) {
      if (end - j >= 2 * kWordLanes) {
        dot_columns<Dot, kMaxRows2<Dot>, 2>(args, tile, j);
        j += 2 * kWordLanes;
        tile.b += 2 * kWordLanes * kGroupBytes;
      } else {
        dot_columns<Dot, kMaxRows1<Dot>, 1>(args, tile, j);
        j += kWordLanes;
      }
    }
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
