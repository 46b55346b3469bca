// Splits moments over threads: blocks of a fixed size, whoever does them, and one tree over them.
#include "engine/moments.hpp"

#include <algorithm>

#include "core/buffer.hpp"
#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

// Blocks that a thread merges before it hands on a node of the tree: a power of 2.
constexpr Index kGroup = 64;
// Columns that a thread takes at a time.
constexpr Index kColumns = 512;

Index pieces(Index n, Index size) { return n > 0 ? (n + size - 1) / size : 1; }

// Of `values` at some 0.2 ns each and `sets` at some 60 ns.
double microseconds(Index values, Index sets) {
  return static_cast<double>(values) * 0.2e-3 + static_cast<double>(sets) * 60e-3;
}

bool is_finite(double x) { return x - x == 0.0; }

// ---- sets whose values are contiguous ----

template <class T>
void along_rows(const MomentsView<T>& v, Moments* out, Index* nans) {
  const Index size = kGroup * kMomentsBlock, groups = pieces(v.n, size);
  Buffer buffer;
  Moments* nodes = out;
  if (groups > 1) {
    buffer.reserve(v.outer * groups * Index(sizeof(Moments) + sizeof(Index)));
    nodes = buffer.as<Moments>();
  }
  Index* counts = groups > 1 ? reinterpret_cast<Index*>(nodes + v.outer * groups) : nans;
  parallel_work(microseconds(v.outer * v.n, v.outer), [&](const Team& team) {
    Index begin, end;
    team.share(v.outer * groups, 1, &begin, &end);
    for (Index task = begin; task < end; ++task) {
      const Index i = task / groups, first = task % groups * size;
      counts[task] = 0;
      nodes[task] = moments(v.x + i * v.outer_step + first,
                            v.weight ? v.weight + i * v.weight_step + first : nullptr,
                            std::min(size, v.n - first), counts + task);
    }
  });
  if (groups == 1) return;
  for (Index i = 0; i < v.outer; ++i) {
    MomentsTree tree;
    nans[i] = 0;
    for (Index g = 0; g < groups; ++g) {
      tree.add(nodes[i * groups + g]);
      nans[i] += counts[i * groups + g];
    }
    out[i] = tree.total();
  }
}

// ---- sets whose values are columns ----

template <class T>
void along_columns(const MomentsView<T>& v, Moments* out, Index* nans) {
  const Index blocks = pieces(v.n, kMomentsRows), parts = pieces(v.inner, kColumns);
  const Index sets = v.outer * v.inner;
  Buffer buffer;
  Moments* nodes = out;
  if (blocks > 1) {
    buffer.reserve(sets * blocks * Index(sizeof(Moments) + sizeof(Index)));
    nodes = buffer.as<Moments>();
  }
  Index* counts = blocks > 1 ? reinterpret_cast<Index*>(nodes + sets * blocks) : nans;
  const auto f = kernels().of<T>().moments.columns;
  parallel_work(microseconds(sets * v.n, sets * blocks), [&](const Team& team) {
    Index begin, end;
    team.share(v.outer * blocks * parts, 1, &begin, &end);
    for (Index task = begin; task < end; ++task) {
      const Index part = task % parts * kColumns, block = task / parts % blocks;
      const Index i = task / parts / blocks, r = block * kMomentsRows;
      const Index node = (i * blocks + block) * v.inner + part;
      f(v.x + i * v.outer_step + r * v.step + part, v.step, std::min(kMomentsRows, v.n - r),
        std::min(kColumns, v.inner - part), v.weight ? v.weight + i * v.weight_step + r : nullptr,
        nodes + node, counts + node);
    }
    if (blocks == 1) return;
    team.barrier();
    team.share(sets, 8, &begin, &end);
    for (Index set = begin; set < end; ++set) {
      MomentsTree tree;
      Index missing = 0;
      for (Index b = 0; b < blocks; ++b) {
        const Index node = (set / v.inner * blocks + b) * v.inner + set % v.inner;
        tree.add(nodes[node]);
        missing += counts[node];
      }
      out[set] = tree.total();
      nans[set] = missing;
    }
  });
}

// ---- sets whose values are the columns of a narrow matrix ----

// Matrices below this width are read as wider ones of several rows each: full vectors, and chains
// of additions that do not wait for each other.
constexpr Index kWide = 128;

template <class T>
void along_narrow(const MomentsView<T>& v, Moments* out, Index* nans) {
  const Index fold = kWide / v.inner, rows = v.n / fold, sets = v.outer * v.inner;
  MomentsView<T> wide = v, rest = v;
  wide.n = rows;
  wide.inner = wide.step = fold * v.inner;
  rest.x = v.x + rows * wide.step;
  rest.n = v.n - rows * fold;
  Buffer buffer((fold + 1) * sets * Index(sizeof(Moments) + sizeof(Index)));
  Moments* parts = buffer.as<Moments>();
  Moments* last = parts + fold * sets;
  Index* counts = reinterpret_cast<Index*>(last + sets);
  along_columns(wide, parts, counts);
  along_columns(rest, last, counts + fold * sets);
  for (Index i = 0; i < v.outer; ++i) {
    for (Index c = 0; c < v.inner; ++c) {
      const Index set = i * v.inner + c;
      MomentsTree tree;
      nans[set] = counts[fold * sets + set];
      for (Index f = 0; f < fold; ++f) {
        tree.add(parts[(i * fold + f) * v.inner + c]);
        nans[set] += counts[(i * fold + f) * v.inner + c];
      }
      tree.add(last[set]);
      out[set] = tree.total();
    }
  }
}

}  // namespace

Moments merge(const Moments& a, const Moments& b) noexcept {
  if (a.n == 0.0) return b;
  if (b.n == 0.0) return a;
  Moments s;
  s.n = a.n + b.n;
  s.min = b.min < a.min ? b.min : a.min;
  s.max = b.max > a.max ? b.max : a.max;
  const double delta = (b.mean - a.mean) + (b.rest - a.rest), delta2 = delta * delta;
  if (!is_finite(delta) && is_finite(a.mean) && is_finite(b.mean)) {
    // Two means of which only the distance is beyond the range of doubles.
    s.mean = a.mean * (a.n / s.n) + b.mean * (b.n / s.n);
    s.rest = 0.0;
    s.m2 = s.m4 = delta2;
    s.m3 = delta - delta;  // NaN: its sign is not known
    return s;
  }
  if (!is_finite(delta)) {
    // An infinite value: inf + inf is inf, and inf - inf NaN, as in a sum of all values.
    s.mean = a.mean + b.mean;
    s.rest = 0.0;
    s.m2 = s.m3 = s.m4 = delta - delta;
    return s;
  }
  const double fa = a.n / s.n, fb = b.n / s.n, product = a.n * fb;
  // The exact sum of a.mean and the rest, as a pair.
  const double add = a.rest + delta * fb;
  s.mean = a.mean + add;
  const double part = s.mean - a.mean;
  s.rest = (a.mean - (s.mean - part)) + (add - part);
  s.m2 = (a.m2 + b.m2) + delta2 * product;
  s.m3 = (a.m3 + b.m3) + delta * (delta2 * product * (fa - fb) + 3.0 * (fa * b.m2 - fb * a.m2));
  s.m4 = (a.m4 + b.m4) +
         delta2 * (delta2 * product * (fa * fa - fa * fb + fb * fb) +
                   6.0 * (fa * fa * b.m2 + fb * fb * a.m2)) +
         4.0 * delta * (fa * b.m3 - fb * a.m3);
  return s;
}

void MomentsTree::add(const Moments& leaf) noexcept {
  Moments m = leaf;
  int height = 0;
  for (; count_ >> height & 1; ++height) m = merge(node_[height], m);
  node_[height] = m;
  ++count_;
}

Moments MomentsTree::total() const noexcept {
  Moments m = empty_moments();
  for (int height = 0; height < kHeight; ++height) {
    if (count_ >> height & 1) m = merge(node_[height], m);
  }
  return m;
}

template <class T>
Moments moments(const T* x, const double* w, Index n, Index* nans) noexcept {
  const auto block = kernels().of<T>().moments.block;
  MomentsTree tree;
  for (Index i = 0; i < n; i += kMomentsBlock) {
    Moments m;
    *nans += block(x + i, w ? w + i : nullptr, std::min(kMomentsBlock, n - i), &m);
    tree.add(m);
  }
  return tree.total();
}

template <class T>
void moments_along(const MomentsView<T>& view, Moments* out, Index* nans) {
  const bool whole = view.step == view.inner && !view.weight;
  if (view.inner == 1 && view.step == 1) return along_rows(view, out, nans);
  if (whole && view.inner <= kWide / 2 && view.n >= kWide) return along_narrow(view, out, nans);
  along_columns(view, out, nans);
}

#define FASTNET_INSTANTIATE(T)                                               \
  template Moments moments(const T*, const double*, Index, Index*) noexcept; \
  template void moments_along(const MomentsView<T>&, Moments*, Index*);
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
