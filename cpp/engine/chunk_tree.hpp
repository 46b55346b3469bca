// Moments of numbered chunks of samples, merged over a binary tree of the numbers.
//
// A node of level h covers chunks [i 2^h, (i + 1) 2^h). A ChunkTree holds the largest nodes that
// its chunks fill: two siblings are joined as soon as both are there. So what it holds, and every
// bit of it, depends on the set of chunks alone, not on who did them, in what order, or in how many
// pieces.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/moments.hpp"

namespace fastnet {

// Samples in a chunk.
constexpr Index kChunk = kMomentsBlock;

// How a statistic varies from chunk to chunk: for the errors of skewness and kurtosis.
struct Spread {
  double n = 0.0, mean = 0.0, m2 = 0.0;
};
constexpr int kSpreads = 2;  // of an output: skewness, excess kurtosis

Spread merge(const Spread& a, const Spread& b) noexcept;
// Of one chunk; nothing where its values do not vary.
void spreads_of(const Moments& chunk, Spread* out) noexcept;

// Merges the moments of `outputs` columns, and unless `cross` is false their sums of products
// (x - mean x)(y - mean y) in order (0, 1), (0, 2), ..., (1, 2), ...; a may be the result.
void merge_columns(Moments* a, double* ca, const Moments* b, const double* cb, Index outputs,
                   bool cross) noexcept;

inline Index pairs_of(Index outputs) noexcept { return outputs * (outputs - 1) / 2; }

struct ChunkNode {
  int level = 0;
  std::uint64_t index = 0;     // of the node in its level
  std::uint64_t samples = 0;   // drawn; fewer than kChunk in a chunk that was left unfinished
  std::uint64_t rejected = 0;  // of these, those that were left out
  std::vector<Moments> moments;
  std::vector<double> products;
  std::vector<Spread> spreads;  // kSpreads of each output

  std::uint64_t first() const { return index << level; }
  std::uint64_t last() const { return first() + ((std::uint64_t(1) << level) - 1); }
  bool whole() const { return samples == std::uint64_t(kChunk) << level; }
};

class ChunkTree {
 public:
  // `cross`: whether sums of products are kept.
  ChunkTree(Index outputs, bool cross) : outputs_(outputs), cross_(cross) {}

  Index outputs() const { return outputs_; }
  bool cross() const { return cross_; }
  Index products() const { return cross_ ? pairs_of(outputs_) : 0; }
  // By first chunk.
  const std::map<std::uint64_t, ChunkNode>& nodes() const { return nodes_; }
  // What the first 2^h chunks gave, by h, as far as they have all been there.
  const std::map<int, ChunkNode>& history() const { return history_; }

  // False, changing nothing, if some chunk of the node is there already.
  bool add(ChunkNode node);
  void add_history(ChunkNode node) { history_.emplace(node.level, std::move(node)); }
  // Forgets unfinished chunks.
  void drop_unfinished();
  // The nodes merged in order of their numbers.
  ChunkNode total() const;
  // Adds what b's samples gave to a's.
  void join(ChunkNode& a, const ChunkNode& b) const noexcept;

 private:
  Index outputs_;
  bool cross_;
  std::map<std::uint64_t, ChunkNode> nodes_;
  std::map<int, ChunkNode> history_;
};

}  // namespace fastnet
