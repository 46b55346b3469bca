// Who computes which rows of a batch at inference, and in which memory.
#include "engine/inference.hpp"

#include <algorithm>
#include <new>

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

// Rows of a tile: its activations (two buffers of the widest layer) stay in L1 and L2, and every
// 64 bytes of weights meet that many rows, 4 being enough to hide their load from L2.
constexpr Index kTileRows = 42;  // a multiple of the tiles' heights, 14 and 6

// What a thread's memory holds, in elements and from a cache line on each.
template <class T>
struct Space {
  Space(const Network<T>& network, Index rows) {
    const auto elements = [](Index bytes) {
      return round_up(bytes, kAlignment) / Index(sizeof(T));
    };
    const Index tile_rows = std::min(rows, kTileRows), depth = static_cast<Index>(network.depth());
    row = padded_row<T>(network.max_features());
    buffer = tile_rows * row;
    statistics = std::max(row, round_up(tile_rows, 16));
    norms = network.has_batch_norm() ? depth * statistics : 0;
    scratch = elements(network.scratch_bytes(tile_rows));
    arrays = elements(depth * Index(sizeof(LayerArrays<T>)));
  }
  // Two activations, what the norms need (a mean and rstd each), the products' scratch.
  Index size() const { return 2 * buffer + 2 * statistics + norms + scratch + arrays; }

  Index row, buffer, statistics, norms, scratch, arrays;
};

// One thread's part; `memory` is the team's.
template <class T>
void predict_part(const Team& team, const Network<T>& network, const T* x, Index x_row, Index rows,
                  T* out, T* memory) noexcept {
  const Space<T> space(network, rows);
  const std::size_t depth = network.depth();
  const bool by_rows = team.size() == 1 || rows >= 8 * team.size();
  // By columns all threads share the first one's buffers.
  T* const own = memory + team.index() * space.size();
  T* const buffers = by_rows ? own : memory;
  T* const statistics = own + 2 * space.buffer;
  T* const norms = statistics + 2 * space.statistics;
  T* const scratch = norms + space.norms;
  auto* const layers = reinterpret_cast<LayerArrays<T>*>(scratch + space.scratch);
  for (std::size_t l = 0; l < depth; ++l) {
    auto* const arrays = new (layers + l) LayerArrays<T>;
    arrays->row = space.row;
    arrays->y = arrays->z = buffers + static_cast<Index>(l % 2) * space.buffer;
    // Layer norm's are of no use after its rows, batch norm's serve all of them.
    arrays->mean = statistics;
    arrays->rstd = statistics + space.statistics;
    if (network.layers()[l].kind != LayerKind::kBatchNorm) continue;
    arrays->rstd = norms + Index(l) * space.statistics;
  }
  layers[depth - 1].row = network.out_features();
  Pass<T> pass{&kernels(), false, x, x_row, layers};
  for (std::size_t l = 0; l < depth; ++l) {
    if (network.layers()[l].kind != LayerKind::kBatchNorm) continue;
    network.batch_statistics(pass, l, 0, 0, network.layers()[l].out);
  }
  Index begin = 0, end = rows;
  if (by_rows) team.share(rows, 1, &begin, &end);
  const Index tiles = (end - begin + kTileRows - 1) / kTileRows;
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index r0 = begin + (end - begin) * tile / tiles;
    const Index r1 = begin + (end - begin) * (tile + 1) / tiles;
    pass.x = x + r0 * x_row;
    layers[depth - 1].y = layers[depth - 1].z = out + r0 * network.out_features();
    for (std::size_t l = 0; l < depth; ++l) {
      const Layer<T>& layer = network.layers()[l];
      Range range{0, r1 - r0, 0, layer.out};
      if (!by_rows) {
        if (layer.kind == LayerKind::kLinear) {
          team.share(layer.out, 2 * kAlignment / Index(sizeof(T)), &range.c0, &range.c1);
        } else {
          team.share(r1 - r0, 1, &range.r0, &range.r1);
        }
      }
      if (range.r0 < range.r1 && range.c0 < range.c1) network.forward(pass, l, range, scratch);
      if (!by_rows) team.barrier();
    }
  }
}

}  // namespace

template <class T>
void predict(const Network<T>& network, const T* x, Index x_row, Index rows, T* out) {
  if (rows == 0) return;
  static thread_local Paces paces;
  CallThreads call(paces, network.nanoseconds_per_row() * static_cast<double>(rows) * 1e-3);
  static thread_local Buffer memory;  // kept for the thread's next call
  memory.reserve(call.count() * predict_memory(network, rows) * static_cast<Index>(sizeof(T)));
  T* const all = memory.as<T>();  // `memory` is another on the team's other threads
  call.run([&](const Team& team) { predict_part(team, network, x, x_row, rows, out, all); });
}

template <class T>
Index predict_memory(const Network<T>& network, Index rows) noexcept {
  return Space<T>(network, rows).size();
}

template <class T>
void predict_alone(const Network<T>& network, const T* x, Index x_row, Index rows, T* out,
                   T* memory) noexcept {
  predict_part(Team(0, 1, nullptr, nullptr), network, x, x_row, rows, out, memory);
}

#define FASTNET_INSTANTIATE(T)                                          \
  template void predict(const Network<T>&, const T*, Index, Index, T*); \
  template Index predict_memory(const Network<T>&, Index) noexcept;     \
  template void predict_alone(const Network<T>&, const T*, Index, Index, T*, T*) noexcept;
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
