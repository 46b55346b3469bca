// Draws discrete laws by inversion and by rejection.
#include "engine/discrete.hpp"

#include <optional>

#include "engine/elementwise.hpp"
#include "engine/words.hpp"

namespace fastnet {
namespace {

// Means from here on are drawn by rejection: Hörmann's constants hold from 10.
constexpr double kRejectionMean = 10;
// A search ends here at the latest, should the sum of probabilities stay below the uniform by
// rounding: with a mean below 10 larger numbers have a probability below 2^-140.
constexpr int kSearchEnd = 110;
// Values that are drawn at a time, and so many of one law as a table pays for.
constexpr Index kRun = 256, kTableValues = 64;
// What a value costs, in nanoseconds.
constexpr double kCost = 10;

double plain(PlainFunction f, double x) noexcept {
  double y;
  kernels().discrete.plain(f, &x, &y, 1);
  return y;
}

// The least k whose distribution function exceeds u, by summing probabilities: that of 0 is
// `first`, that of k is ratio(k) times the one before.
template <class Ratio>
std::int64_t search(double u, double first, int last, const Ratio& ratio) noexcept {
  double probability = first, sum = first;
  int k = 0;
  while (u >= sum && k < last) {
    ++k;
    probability *= ratio(k);
    sum += probability;
  }
  return k;
}

// The same sums once for all values, and where the search begins for each 256th of u.
class SearchTable {
 public:
  template <class Ratio>
  SearchTable(double first, int last, const Ratio& ratio) noexcept : last_(last) {
    double probability = first, sum = first;
    int from = 0;
    for (int k = 0;; ++k) {
      sums_[k] = sum;
      for (; from < kCells && from < sum * kCells; ++from) start_[from] = k;
      size_ = k + 1;
      if (k == last) break;
      probability *= ratio(k + 1);
      // No number beyond adds anything.
      if (sum + probability == sum && ratio(k + 1) < 1) break;
      sum += probability;
    }
    for (; from < kCells; ++from) start_[from] = size_;
  }
  std::int64_t operator()(double u) const noexcept {
    int k = start_[static_cast<int>(u * kCells)];
    while (k < size_ && u >= sums_[k]) ++k;
    return k < size_ ? k : last_;
  }

 private:
  static constexpr int kCells = 256;
  double sums_[kSearchEnd + 1];
  int start_[kCells], size_ = 0, last_;
};

// The two uniforms in [0, 1) of an attempt of each of a run of positions.
struct Uniforms {
  double u[kRun], v[kRun];

  void draw(std::uint64_t key, std::uint64_t high, std::uint64_t first, Index n) noexcept {
    double pairs[2 * kRun];
    kernels().f64.random.uniform(key, high, 2 * first, {0, 1, 1}, pairs, 2 * n);
    for (Index i = 0; i < n; ++i) {
      u[i] = pairs[2 * i];
      v[i] = pairs[2 * i + 1];
    }
  }
  void draw_one(std::uint64_t key, std::uint64_t high, std::uint64_t at, Index i) noexcept {
    std::uint32_t words[4];
    kernels().bits.blocks(key, high, at, words, 1);
    u[i] = unit_interval(word_of(words));
    v[i] = unit_interval(word_of(words + 2));
  }
  void take(const Uniforms& run, const Index* places, Index n) noexcept {
    for (Index j = 0; j < n; ++j) {
      u[j] = run.u[places[j]];
      v[j] = run.v[places[j]];
    }
  }
};

// Calls body(begin, count, uniforms) for runs of the values, on all threads.
template <class Body>
void for_runs(Law law, const StreamPosition& source, Index n, const Body& body) noexcept {
  const std::uint64_t high = counter_high(law, source.stream << kCountBits);
  for_elements(n, kCost, [&](Index begin, Index end) {
    Uniforms uniforms;
    for (Index i = begin; i < end; i += kRun) {
      const Index count = end - i < kRun ? end - i : kRun;
      uniforms.draw(source.key, high, source.position + static_cast<std::uint64_t>(i), count);
      body(i, count, uniforms);
    }
  });
}

// Numbers by law.search(i, u) where law.searches(i), the others by law.attempt(indices, u, v,
// numbers, n) with the uniforms of one attempt after another: -1 where it is rejected.
template <class L>
void draw(const L& law, Law code, const StreamPosition& source, std::int64_t* out,
          Index n) noexcept {
  for_runs(code, source, n, [&](Index begin, Index count, Uniforms& run) {
    Uniforms some;
    Index open[kRun], at[kRun], left = 0;
    std::int64_t numbers[kRun];
    for (Index i = 0; i < count; ++i) {
      if (law.searches(begin + i)) {
        out[begin + i] = law.search(begin + i, run.u[i]);
      } else {
        open[left++] = i;
      }
    }
    const std::uint64_t first = source.position + static_cast<std::uint64_t>(begin);
    std::uint64_t high = counter_high(code, source.stream << kCountBits);
    for (std::uint64_t attempt = 0; left > 0; ++attempt) {
      if (attempt == 0 || 16 * left > count) {
        // All of the run takes less time than some of it one by one.
        if (attempt > 0) run.draw(source.key, high + attempt, first, count);
        some.take(run, open, left);
      } else {
        for (Index j = 0; j < left; ++j) {
          some.draw_one(source.key, high + attempt, first + static_cast<std::uint64_t>(open[j]), j);
        }
      }
      for (Index j = 0; j < left; ++j) at[j] = begin + open[j];
      law.attempt(at, some, numbers, left);
      Index rejected = 0;
      for (Index j = 0; j < left; ++j) {
        out[at[j]] = numbers[j];
        open[rejected] = open[j];
        rejected += numbers[j] < 0;
      }
      left = rejected;
    }
  });
}

// values[j] = value(at[j]) for j < n.
template <class Value>
void gather(Index n, const Index* at, double* values, const Value& value) noexcept {
  for (Index j = 0; j < n; ++j) values[j] = value(at[j]);
}

class PoissonLaw {
 public:
  PoissonLaw(Column<double> mean, Index n) noexcept : mean_(mean), same_(mean.step == 0) {
    if (same_ && n >= kTableValues && searches(0)) {
      table_.emplace(none(0), kSearchEnd, [this](int k) { return ratio(0, k); });
    }
  }

  bool searches(Index i) const noexcept { return mean_[i] < kRejectionMean; }
  std::int64_t search(Index i, double u) const noexcept {
    if (table_) return (*table_)(u);
    return fastnet::search(u, none(i), kSearchEnd, [&](int k) { return ratio(i, k); });
  }
  void attempt(const Index* at, const Uniforms& w, std::int64_t* out, Index n) const noexcept {
    double mean[kRun];
    gather(same_ ? 1 : n, at, mean, [&](Index i) { return mean_[i]; });
    kernels().discrete.poisson(w.u, w.v, mean, same_ ? 0 : 1, out, n);
  }

 private:
  double none(Index i) const noexcept { return plain(PlainFunction::kExp, -mean_[i]); }
  double ratio(Index i, int k) const noexcept { return mean_[i] / k; }

  Column<double> mean_;
  bool same_;
  std::optional<SearchTable> table_;
};

// The rarer of success and failure, whose number is drawn. 1 - p is exact for p >= 1/2.
struct Chance {
  double trials, p, q;

  Chance(std::int64_t n, double success) noexcept
      : trials(static_cast<double>(n)), p(success), q(1 - success) {
    if (success > 0.5) {
      p = q;
      q = success;
    }
  }
};

class BinomialLaw {
 public:
  BinomialLaw(Column<std::int64_t> trials, Column<double> p, Index n) noexcept
      : trials_(trials), p_(p), same_(trials.step == 0 && p.step == 0) {
    if (same_ && n >= kTableValues && searches(0)) {
      table_.emplace(none(0), last(0), [this](int k) { return ratio(chance(0), k); });
    }
  }

  bool searches(Index i) const noexcept {
    const Chance c = chance(i);
    return c.trials * c.p < kRejectionMean;
  }
  std::int64_t search(Index i, double u) const noexcept {
    if (table_) return number(i, (*table_)(u));
    const Chance c = chance(i);
    return number(i, fastnet::search(u, none(i), last(i), [&](int k) { return ratio(c, k); }));
  }
  void attempt(const Index* at, const Uniforms& w, std::int64_t* out, Index n) const noexcept {
    double trials[kRun], p[kRun], q[kRun];
    const Index count = same_ ? 1 : n;
    gather(count, at, trials, [&](Index i) { return chance(i).trials; });
    gather(count, at, p, [&](Index i) { return chance(i).p; });
    gather(count, at, q, [&](Index i) { return chance(i).q; });
    kernels().discrete.binomial(w.u, w.v, trials, p, q, same_ ? 0 : 1, out, n);
    for (Index j = 0; j < n; ++j) {
      if (out[j] >= 0) out[j] = number(at[j], out[j]);
    }
  }

 private:
  Chance chance(Index i) const noexcept { return {trials_[i], p_[i]}; }
  std::int64_t number(Index i, std::int64_t k) const noexcept {
    return p_[i] > 0.5 ? trials_[i] - k : k;
  }
  double none(Index i) const noexcept {
    const Chance c = chance(i);
    return plain(PlainFunction::kExp, c.trials * plain(PlainFunction::kLog1p, -c.p));
  }
  int last(Index i) const noexcept {
    return trials_[i] < kSearchEnd ? static_cast<int>(trials_[i]) : kSearchEnd;
  }
  static double ratio(const Chance& c, int k) noexcept {
    return (c.trials - k + 1) / k * (c.p / c.q);
  }

  Column<std::int64_t> trials_;
  Column<double> p_;
  bool same_;
  std::optional<SearchTable> table_;
};

}  // namespace

void sample_poisson(Column<double> mean, const StreamPosition& source, std::int64_t* out,
                    Index n) noexcept {
  if (n > 0) draw(PoissonLaw(mean, n), Law::kPoisson, source, out, n);
}

void sample_binomial(Column<std::int64_t> trials, Column<double> p, const StreamPosition& source,
                     std::int64_t* out, Index n) noexcept {
  if (n > 0) draw(BinomialLaw(trials, p, n), Law::kBinomial, source, out, n);
}

void sample_geometric(Column<double> p, const StreamPosition& source, std::int64_t* out,
                      Index n) noexcept {
  if (n == 0) return;
  // -ln(1 - p); 0 where p = 1.
  const auto rate = [&](Index i) { return p[i] < 1 ? -plain(PlainFunction::kLog1p, -p[i]) : 0.0; };
  const double shared = rate(0);
  for_runs(Law::kGeometric, source, n, [&](Index begin, Index count, const Uniforms& run) {
    double rates[kRun];
    for (Index i = 0; i < count && p.step != 0; ++i) rates[i] = rate(begin + i);
    kernels().discrete.geometric(run.u, p.step ? rates : &shared, p.step, out + begin, count);
  });
}

}  // namespace fastnet
