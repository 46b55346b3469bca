// Who draws which chunks, and how their moments come together.
#include "engine/estimator.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/pace.hpp"

namespace fastnet {
namespace {

// A thread takes nodes of up to this level at a time: what comes after it, merging them, is done by
// one thread, so there should not be many; nor so few that threads wait for the last.
constexpr int kTaskLevel = 6;
constexpr std::uint64_t kTasksOfThread = 16;

struct Task {
  int level;
  std::uint64_t index;
};

// The largest nodes of at most a level that a range fills. The first chunk of all is a task of its
// own, for the tree keeps what the first 1, 2, 4, ... gave.
std::vector<Task> tasks_of(const ChunkRange& range, int threads) {
  int most = 0;
  while (most < kTaskLevel &&
         range.count >> (most + 1) >= kTasksOfThread * static_cast<std::uint64_t>(threads)) {
    ++most;
  }
  std::vector<Task> tasks;
  const std::uint64_t end = range.first + range.count;
  const bool unfinished = range.last_samples < kChunk;
  for (std::uint64_t c = range.first; c < end;) {
    int level = 0;
    while (c != 0 && level < most && c % (std::uint64_t(2) << level) == 0 &&
           c + (std::uint64_t(2) << level) + (unfinished ? 1 : 0) <= end) {
      ++level;
    }
    tasks.push_back({level, c >> level});
    c += std::uint64_t(1) << level;
  }
  return tasks;
}

// The results of a task, for all outputs.
struct State {
  Moments* moments;
  double* products;
  Spread* spreads;
  std::uint64_t* counts;  // samples and rejected ones
};

// One thread's work on one task after another.
template <class T>
class Worker {
 public:
  Worker(const Integrand<T>& integrand, NanPolicy policy, bool cross, char* memory)
      : integrand_(integrand),
        policy_(policy),
        cross_(cross),
        whole_(cross || integrand.piece() == kChunk),
        outputs_(integrand.outputs()) {
    pairs_ = cross ? pairs_of(outputs_) : 0;
    sums_ = reinterpret_cast<PieceSums<T>*>(memory);
    values_ = reinterpret_cast<T*>(memory + sums_bytes(outputs_));
    workspace_ = values_ + outputs_ * kChunk;
    Moments* m = reinterpret_cast<Moments*>(workspace_ + round_up(integrand.workspace(), 16));
    double* c = reinterpret_cast<double*>(m + (kTaskLevel + 1) * outputs_);
    Spread* s = reinterpret_cast<Spread*>(c + (kTaskLevel + 1) * pairs_);
    for (int i = 0; i <= kTaskLevel; ++i) {
      stack_[i] = {m + i * outputs_, c + i * pairs_, s + i * kSpreads * outputs_, counts_[i]};
    }
  }

  // Whole cache lines, so that the workspace begins on one.
  static Index sums_bytes(Index outputs) { return outputs * Index(sizeof(PieceSums<T>)); }
  static Index bytes(const Integrand<T>& integrand, bool cross) {
    const Index outputs = integrand.outputs(), pairs = cross ? pairs_of(outputs) : 0;
    const Index elements = outputs * kChunk + round_up(integrand.workspace(), 16);
    const Index states =
        (kTaskLevel + 1) * (outputs * Index(sizeof(Moments) + kSpreads * sizeof(Spread)) +
                            pairs * Index(sizeof(double)));
    return round_up(sums_bytes(outputs) + elements * Index(sizeof(T)) + states, kAlignment);
  }

  // The moments of chunks [first, first + 2^level); the first sample that must not be, or
  // kAllFinite.
  std::uint64_t run(std::uint64_t first, int level, Index samples, const State& out) noexcept {
    int depth = 0;
    for (std::uint64_t c = 0; c < std::uint64_t(1) << level; ++c) {
      const std::uint64_t bad = chunk(first + c, samples, stack_[depth]);
      if (bad != kAllFinite) return bad;
      // As many joins as c ends in ones.
      for (std::uint64_t rest = c; rest & 1; rest >>= 1) {
        --depth;
        join(stack_[depth], stack_[depth + 1]);
      }
      ++depth;
    }
    std::copy_n(stack_[0].moments, outputs_, out.moments);
    std::copy_n(stack_[0].products, pairs_, out.products);
    std::copy_n(stack_[0].spreads, kSpreads * outputs_, out.spreads);
    std::copy_n(stack_[0].counts, 2, out.counts);
    return kAllFinite;
  }

 private:
  void join(const State& a, const State& b) const noexcept {
    merge_columns(a.moments, a.products, b.moments, b.products, outputs_, cross_);
    for (Index i = 0; i < kSpreads * outputs_; ++i)
      a.spreads[i] = merge(a.spreads[i], b.spreads[i]);
    a.counts[0] += b.counts[0];
    a.counts[1] += b.counts[1];
  }

  std::uint64_t chunk(std::uint64_t number, Index samples, const State& out) noexcept {
    const std::uint64_t first = number * static_cast<std::uint64_t>(kChunk);
    Index n = samples;
    bool finite = !whole_ && in_pieces(first, n, out);
    if (!finite) {
      // What a chunk had that pieces are not enough for, later ones are likely to have.
      whole_ = true;
      integrand_.values(first, n, workspace_, values_, kChunk);
      finite = moments(n, out);
    }
    if (!finite && policy_ == NanPolicy::kRaise) {
      for (Index i = 0; i < n; ++i) {
        if (!finite_row(i)) return first + static_cast<std::uint64_t>(i);
      }
    }
    if (!finite && policy_ == NanPolicy::kOmit) {
      n = compact(n);
      moments(n, out);
    }
    if (!finite && policy_ == NanPolicy::kPropagate) propagate(n, out);
    for (Index o = 0; o < outputs_; ++o) {
      Spread* spreads = out.spreads + kSpreads * o;
      spreads_of(out.moments[o], spreads);
      // An unfinished chunk's vary more than the others'.
      if (samples < kChunk) spreads[0] = spreads[1] = {};
    }
    if (cross_) products(n, out);
    out.counts[0] = static_cast<std::uint64_t>(samples);
    out.counts[1] = static_cast<std::uint64_t>(samples - n);
    return kAllFinite;
  }

  // The moments of a chunk of finite values, piece by piece while they are in the innermost cache;
  // false where it takes all of the chunk's values at once.
  bool in_pieces(std::uint64_t first, Index n, const State& out) noexcept {
    const auto& kernel = kernels().of<T>().moments;
    const Index piece = integrand_.piece();
    for (Index i = 0; i < n; i += piece) {
      const Index count = std::min(piece, n - i);
      integrand_.values(first + static_cast<std::uint64_t>(i), count, workspace_, values_, piece);
      for (Index o = 0; o < outputs_; ++o) {
        const T* x = values_ + o * piece;
        if (i == 0) kernel.begin(x, count, sums_ + o);
        kernel.add(x, count, sums_ + o);
      }
    }
    for (Index o = 0; o < outputs_; ++o) {
      Moments& m = out.moments[o];
      if (!kernel.finish(sums_[o], n, &m)) return false;
      if (!std::isfinite(m.min) || !std::isfinite(m.max)) return false;
    }
    return true;
  }

  // Whether all values are finite.
  bool moments(Index n, const State& out) const noexcept {
    bool finite = true;
    for (Index o = 0; o < outputs_; ++o) {
      Moments& m = out.moments[o];
      const Index nans = kernels().of<T>().moments.block(values_ + o * kChunk, nullptr, n, &m);
      finite = finite && nans == 0 && (n == 0 || (std::isfinite(m.min) && std::isfinite(m.max)));
    }
    return finite;
  }

  bool finite_row(Index i) const noexcept {
    for (Index o = 0; o < outputs_; ++o) {
      if (!std::isfinite(values_[o * kChunk + i])) return false;
    }
    return true;
  }

  Index compact(Index n) noexcept {
    Index kept = 0;
    for (Index i = 0; i < n; ++i) {
      if (!finite_row(i)) continue;
      for (Index o = 0; o < outputs_; ++o) values_[o * kChunk + kept] = values_[o * kChunk + i];
      ++kept;
    }
    return kept;
  }

  // NaN is what a sum with a NaN is.
  void propagate(Index n, const State& out) const noexcept {
    for (Index o = 0; o < outputs_; ++o) {
      Moments& m = out.moments[o];
      if (m.n == static_cast<double>(n)) continue;
      const double nan = std::nan("");
      m = {static_cast<double>(n), nan, 0.0, nan, nan, nan, nan, nan};
    }
  }

  void products(Index n, const State& out) const noexcept {
    double* c = out.products;
    for (Index i = 0; i < outputs_; ++i) {
      for (Index j = i + 1; j < outputs_; ++j, ++c) {
        *c = kernels().of<T>().expression.products(values_ + i * kChunk, out.moments[i].mean,
                                                   values_ + j * kChunk, out.moments[j].mean, n);
      }
    }
  }

  const Integrand<T>& integrand_;
  NanPolicy policy_;
  bool cross_;
  bool whole_;  // takes all of a chunk's values at once; the bits are those of pieces
  Index outputs_, pairs_ = 0;
  PieceSums<T>* sums_;
  T* values_;
  T* workspace_;
  State stack_[kTaskLevel + 1];
  std::uint64_t counts_[kTaskLevel + 1][2];
};

}  // namespace

template <class T>
std::uint64_t estimate(const Integrand<T>& integrand, const ChunkRange& range, NanPolicy policy,
                       ChunkTree& tree) {
  const double samples = static_cast<double>(range.count) * static_cast<double>(kChunk);
  static thread_local Paces paces;
  CallThreads call(paces, samples * integrand.nanoseconds() * 1e-3);
  const int threads = call.count();
  const std::vector<Task> tasks = tasks_of(range, threads);
  const Index outputs = integrand.outputs(), pairs = tree.products();
  std::vector<Moments> moments(tasks.size() * static_cast<std::size_t>(outputs));
  std::vector<double> products(tasks.size() * static_cast<std::size_t>(pairs) + 1);
  std::vector<Spread> spreads(tasks.size() * static_cast<std::size_t>(kSpreads * outputs));
  std::vector<std::uint64_t> counts(2 * tasks.size());
  const Index own = Worker<T>::bytes(integrand, tree.cross());
  Buffer memory(threads * own);
  // An expression's registers are read up to a whole block of kHeldValues.
  memory.clear();
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> bad{kAllFinite};

  call.run([&](const Team& team) {
    Worker<T> worker(integrand, policy, tree.cross(), memory.as<char>() + team.index() * own);
    for (std::size_t t; (t = next.fetch_add(1)) < tasks.size();) {
      // Tasks before one with a bad sample have been taken before.
      if (bad.load() != kAllFinite) break;
      const std::uint64_t first = tasks[t].index << tasks[t].level;
      const bool last = first + 1 == range.first + range.count;
      const State out{moments.data() + Index(t) * outputs, products.data() + Index(t) * pairs,
                      spreads.data() + Index(t) * kSpreads * outputs, counts.data() + 2 * t};
      const std::uint64_t sample =
          worker.run(first, tasks[t].level, last ? range.last_samples : kChunk, out);
      std::uint64_t known = bad.load();
      while (sample < known && !bad.compare_exchange_weak(known, sample)) {
      }
    }
  });
  if (bad.load() != kAllFinite) return bad.load();

  for (std::size_t t = 0; t < tasks.size(); ++t) {
    ChunkNode node;
    node.level = tasks[t].level;
    node.index = tasks[t].index;
    node.samples = counts[2 * t];
    node.rejected = counts[2 * t + 1];
    const auto m = moments.begin() + Index(t) * outputs;
    const auto c = products.begin() + Index(t) * pairs;
    node.moments.assign(m, m + outputs);
    node.products.assign(c, c + pairs);
    const auto s = spreads.begin() + Index(t) * kSpreads * outputs;
    node.spreads.assign(s, s + kSpreads * outputs);
    tree.add(std::move(node));
  }
  return kAllFinite;
}

#define FASTNET_INSTANTIATE(T) \
  template std::uint64_t estimate(const Integrand<T>&, const ChunkRange&, NanPolicy, ChunkTree&);
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
