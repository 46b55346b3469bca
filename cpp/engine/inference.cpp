// Who computes which rows of a batch at inference, and in which memory.
#include "engine/inference.hpp"

#include <algorithm>

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

// Rows of a tile: its activations (two buffers of the widest layer) stay in L1 and L2, and every
// 64 bytes of weights meet that many rows, 4 being enough to hide their load from L2.
constexpr Index kTileRows = 42;  // a multiple of the tiles' heights, 14 and 6

// Memory of a calling thread, kept for its next call.
template <class T>
struct Workspace {
  Buffer memory;
  std::vector<std::vector<LayerArrays<T>>> layers;  // one a thread of the team
};

template <class T>
Workspace<T>& workspace() {
  static thread_local Workspace<T> w;
  return w;
}

constexpr Index kFlopsPerMicrosecond = 50000;  // of one thread, about half of the peak

}  // namespace

template <class T>
void predict(const Network<T>& network, const T* x, Index x_row, Index rows, T* out) {
  if (rows == 0) return;
  const Kernels& table = kernels();
  static thread_local Paces paces;
  CallThreads call(paces, network.flops_per_row() * static_cast<double>(rows) /
                              static_cast<double>(kFlopsPerMicrosecond));
  const int threads = call.count();
  const bool by_rows = threads == 1 || rows >= 8 * threads;
  const Index row = padded_row<T>(network.max_features());
  const Index tile_rows = std::min(rows, kTileRows);
  const Index buffer = tile_rows * row;
  const Index scratch = network.scratch_bytes(tile_rows) / static_cast<Index>(sizeof(T));
  // Two activations, what the norms need (a mean and rstd each), the products' scratch.
  const Index statistics = std::max(row, round_up(tile_rows, 16));
  const Index norms = network.has_batch_norm() ? Index(network.depth()) * statistics : 0;
  const Index per_thread = 2 * buffer + 2 * statistics + norms + scratch;

  Workspace<T>& space = workspace<T>();
  space.memory.reserve(threads * per_thread * static_cast<Index>(sizeof(T)));
  if (space.layers.size() < static_cast<std::size_t>(threads)) {
    space.layers.resize(static_cast<std::size_t>(threads));
  }
  const std::size_t depth = network.depth();
  for (int t = 0; t < threads; ++t) space.layers[static_cast<std::size_t>(t)].resize(depth);

  call.run([&](const Team& team) {
    // By columns all threads share the first one's buffers.
    T* const own = space.memory.template as<T>() + team.index() * per_thread;
    T* const buffers = by_rows ? own : space.memory.template as<T>();
    T* const own_scratch = own + per_thread - scratch;
    std::vector<LayerArrays<T>>& layers = space.layers[static_cast<std::size_t>(team.index())];
    for (std::size_t l = 0; l < depth; ++l) {
      layers[l] = {};
      layers[l].row = row;
      layers[l].y = layers[l].z = buffers + static_cast<Index>(l % 2) * buffer;
      // Layer norm's are of no use after its rows, batch norm's serve all of them.
      layers[l].mean = own + 2 * buffer;
      layers[l].rstd = layers[l].mean + statistics;
      if (network.layers()[l].kind != LayerKind::kBatchNorm) continue;
      layers[l].rstd = own + 2 * buffer + 2 * statistics + Index(l) * statistics;
    }
    layers[depth - 1].row = network.out_features();
    Pass<T> pass{&table, false, x, x_row, &layers};
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
        if (range.r0 < range.r1 && range.c0 < range.c1) {
          network.forward(pass, l, range, own_scratch);
        }
        if (!by_rows) team.barrier();
      }
    }
  });
}

template void predict(const Network<float>&, const float*, Index, Index, float*);
template void predict(const Network<double>&, const double*, Index, Index, double*);

}  // namespace fastnet
