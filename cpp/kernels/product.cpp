// The matrix product of one ISA level: the loops around the register tiles.
#include "kernels/narrow-inl.hpp"
#include "kernels/product-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

#if defined(__AVX512F__)
#define FASTNET_TILES1 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
#define FASTNET_TILES2 FASTNET_TILES1
#define FASTNET_TILES4 1, 2, 3, 4, 5, 6
#elif defined(__ARM_NEON)
#define FASTNET_TILES1 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
#define FASTNET_TILES2 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
#define FASTNET_TILES4 1, 2, 3, 4, 5, 6
#else
#define FASTNET_TILES1 1, 2, 3, 4, 5, 6
#define FASTNET_TILES2 FASTNET_TILES1
#define FASTNET_TILES4 1, 2, 3
#endif

struct Panel {
  int vecs;      // native registers across
  int max_rows;  // highest tile of that width
};

// The widest panel for m rows that lies within the `registers` that are left: few rows need width
// to have enough chains under way, many rows get them from their number.
FASTNET_INLINE Panel choose_panel(Index m, Index registers) {
  if (m == 1 && registers >= 8) return {8, 1};
  if (m <= kRows4 && registers >= 4) return {4, kRows4};
  if (registers >= 2) return {2, kRows2};
  return {1, kRows1};
}

template <class T>
FASTNET_INLINE TileFunction<T> tile_function(int vecs, Index rows, bool unit_row) {
  if (unit_row) {
    return vecs == 8   ? TileList<T, 8, true, 1>::tiles[0]
           : vecs == 4 ? TileList<T, 4, true, FASTNET_TILES4>::tiles[rows - 1]
           : vecs == 2 ? TileList<T, 2, true, FASTNET_TILES2>::tiles[rows - 1]
                       : TileList<T, 1, true, FASTNET_TILES1>::tiles[rows - 1];
  }
  return vecs == 8   ? TileList<T, 8, false, 1>::tiles[0]
         : vecs == 4 ? TileList<T, 4, false, FASTNET_TILES4>::tiles[rows - 1]
         : vecs == 2 ? TileList<T, 2, false, FASTNET_TILES2>::tiles[rows - 1]
                     : TileList<T, 1, false, FASTNET_TILES1>::tiles[rows - 1];
}

// k rows of B's panel, `columns` wide, into contiguous zero-padded rows of `width`.
template <class T>
void pack_panel(const T* b, Index b_row, Index k, Index columns, T* packed, Index width) noexcept {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  for (Index p = 0; p < k; ++p) {
    for (Index j = 0; j < width; j += lanes) {
      store(packed + p * width + j, load_partial<T, 1>(b + p * b_row + j, columns - j));
    }
  }
}

template <class T>
void product(const ProductArgs<T>& args) noexcept {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  if (args.n >= 1 && args.n <= kNarrowColumns<T> && args.m >= lanes) {
    narrow_product(args);
    return;
  }
  const bool unit_row = args.a_k != 1;
  const Index blocks = args.k > 0 ? (args.k + kProductDepth - 1) / kProductDepth : 1;
  for (Index block = 0; block < blocks; ++block) {
    const Index p0 = args.k * block / blocks;
    const Index depth = args.k * (block + 1) / blocks - p0;
    const bool last = block == blocks - 1;
    for (Index j = 0; j < args.n;) {
      // Registers that may be loaded; where rows are not padded the last, partial one goes alone.
      const Index left = args.n - j;
      const Panel panel = choose_panel(args.m, (left + (args.b_padded ? lanes - 1 : 0)) / lanes);
      const Index width = panel.vecs * lanes;
      const Index columns = width < left ? width : left;
      const T* b = args.b + p0 * args.b_row + j;
      Index b_row = args.b_row;
      if (columns < width && !args.b_padded) {
        pack_panel(b, b_row, depth, columns, args.scratch, width);
        b = args.scratch;
        b_row = width;
      }
      Tile<T> tile;
      tile.k = depth;
      tile.a_row = args.a_row;
      tile.a_k = args.a_k;
      tile.b = b;
      tile.b_row = b_row;
      tile.c_row = args.c_row;
      tile.n = columns;
      tile.bias = last && args.bias ? args.bias + j : nullptr;
      tile.accumulate = block > 0;
      tile.relu = last && args.relu;
      // Tiles of almost equal height: 16 rows are 8 + 8, not 14 + 2.
      const Index tiles = (args.m + panel.max_rows - 1) / panel.max_rows;
      for (Index t = 0; t < tiles; ++t) {
        const Index i = args.m * t / tiles;
        const Index rows = args.m * (t + 1) / tiles - i;
        // The first tile waits for B, if it is not in L2. Those after it fetch the next panel, a
        // line of each row by each tile, so that B flows while all of them compute.
        const Index line = (t - 1) * (64 / Index(sizeof(T)));
        tile.next = t > 0 && line < width && b != args.scratch && left > width ? width + line : 0;
        tile.a = args.a + i * args.a_row + p0 * args.a_k;
        tile.c = args.c + i * args.c_row + j;
        tile_function<T>(panel.vecs, rows, unit_row)(tile);
      }
      j += columns;
    }
  }
}

template <class T>
void column_sum(const T* x, Index rows, Index cols, Index x_row, T* sum) noexcept {
  constexpr Index lanes = Vec<T>::kLanes;
  for (Index j = 0; j < cols; j += lanes) {
    const Index n = cols - j < lanes ? cols - j : lanes;
    Vec<T> acc = zero<T>();
    if (n == lanes) {
      for (Index i = 0; i < rows; ++i) acc = acc + load(x + i * x_row + j);
    } else {
      for (Index i = 0; i < rows; ++i) acc = acc + load_partial(x + i * x_row + j, n);
    }
    store_partial(sum + j, acc, n);
  }
}

}  // namespace

void fill_product(Kernels& table) noexcept {
  table.f32.product = {product<float>, kNarrowColumns<float>, transpose<float>, column_sum<float>};
  table.f64.product = {product<double>, kNarrowColumns<double>, transpose<double>,
                       column_sum<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
