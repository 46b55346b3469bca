// Joins chunks' moments as chunk_tree.hpp says.
#include "engine/chunk_tree.hpp"

#include <cmath>
#include <iterator>
#include <utility>

namespace fastnet {

Spread merge(const Spread& a, const Spread& b) noexcept {
  if (a.n == 0.0) return b;
  if (b.n == 0.0) return a;
  const double n = a.n + b.n, delta = b.mean - a.mean;
  return {n, a.mean + delta * (b.n / n), a.m2 + b.m2 + delta * delta * (a.n * (b.n / n))};
}

void spreads_of(const Moments& m, Spread* out) noexcept {
  out[0] = out[1] = {};
  if (!(m.m2 > 0.0) || m.m2 - m.m2 != 0.0) return;
  const double variance = m.m2 / m.n;
  out[0] = {1.0, m.m3 / m.n / (variance * std::sqrt(variance)), 0.0};
  out[1] = {1.0, m.m4 / m.n / (variance * variance) - 3.0, 0.0};
}

void merge_columns(Moments* a, double* ca, const Moments* b, const double* cb, Index outputs,
                   bool cross) noexcept {
  if (cross) {
    for (Index i = 0; i < outputs; ++i) {
      const double n = a[i].n + b[i].n;
      const double weight = n > 0.0 ? a[i].n * (b[i].n / n) : 0.0;
      const double di = (b[i].mean - a[i].mean) + (b[i].rest - a[i].rest);
      for (Index j = i + 1; j < outputs; ++j, ++ca, ++cb) {
        // Of an empty side the means are 0 and say nothing; the weight is 0 then.
        const double dj = (b[j].mean - a[j].mean) + (b[j].rest - a[j].rest);
        *ca = (*ca + *cb) + (weight > 0.0 ? di * dj * weight : 0.0);
      }
    }
  }
  for (Index i = 0; i < outputs; ++i) a[i] = merge(a[i], b[i]);
}

void ChunkTree::join(ChunkNode& a, const ChunkNode& b) const noexcept {
  a.samples += b.samples;
  a.rejected += b.rejected;
  merge_columns(a.moments.data(), a.products.data(), b.moments.data(), b.products.data(), outputs_,
                cross_);
  for (std::size_t i = 0; i < a.spreads.size(); ++i) {
    a.spreads[i] = merge(a.spreads[i], b.spreads[i]);
  }
}

bool ChunkTree::add(ChunkNode node) {
  const auto after = nodes_.lower_bound(node.first());
  if (after != nodes_.end() && after->first <= node.last()) return false;
  if (after != nodes_.begin() && std::prev(after)->second.last() >= node.first()) return false;
  while (node.whole()) {
    if (node.index == 0) history_.emplace(node.level, node);
    const std::uint64_t sibling = (node.index ^ 1) << node.level;
    const auto found = nodes_.find(sibling);
    if (found == nodes_.end() || found->second.level != node.level || !found->second.whole()) break;
    if (node.index % 2 == 1) {
      std::swap(node, found->second);
      join(node, found->second);
    } else {
      join(node, found->second);
    }
    nodes_.erase(found);
    ++node.level;
    node.index /= 2;
  }
  const std::uint64_t first = node.first();
  nodes_.emplace(first, std::move(node));
  return true;
}

void ChunkTree::drop_unfinished() {
  for (auto i = nodes_.begin(); i != nodes_.end();) {
    i = i->second.whole() ? std::next(i) : nodes_.erase(i);
  }
}

ChunkNode ChunkTree::total() const {
  ChunkNode sum;
  sum.moments.assign(static_cast<std::size_t>(outputs_), empty_moments());
  sum.products.assign(static_cast<std::size_t>(products()), 0.0);
  sum.spreads.assign(static_cast<std::size_t>(kSpreads * outputs_), {});
  for (const auto& [first, node] : nodes_) join(sum, node);
  return sum;
}

}  // namespace fastnet
