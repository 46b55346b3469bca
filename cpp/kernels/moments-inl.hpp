// Sums of powers around a pivot, and the central moments they give.
#pragma once

#include "dispatch/moments.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/reduce-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// A block's values go to their lanes two native registers of doubles at a time: so the sums of a
// step stay in registers at every level, and the lanes are the same.
using Pair = Vec<double, 2>;
constexpr Index kPairLanes = Pair::kLanes;

// As many values of E as Pair has lanes.
template <class E>
using PairOf = Vec<E, sizeof(E) == 4 ? 1 : 2>;

// Sums of powers and extremes of some lanes; E is the type of the extremes: that of the values
// where there are no weights, else double, so that one mask serves both.
template <class E>
struct PowerSums {
  Pair weight, s1, s2, s3, s4;
  PairOf<E> min, max;

  FASTNET_INLINE void extremes(PairOf<E> x) {
    min = FASTNET_LEVEL::min(x, min);
    max = FASTNET_LEVEL::max(x, max);
  }
  FASTNET_INLINE void add(Pair d) {
    const Pair d2 = d * d;
    s1 = s1 + d;
    s2 = fma(d, d, s2);  // no sum of d2: the adders have the most to do
    s3 = fma(d2, d, s3);
    s4 = fma(d2, d2, s4);
  }
  // Values with weight 0 may be anything.
  FASTNET_INLINE void add(Pair x, Pair pivot, Pair w) {
    const Mask<double, 2> counts = greater(w, zero<double, 2>());
    const Pair d = select(counts, x - pivot, zero<double, 2>());
    const Pair wd = w * d, wd2 = wd * d;
    weight = weight + w;
    s1 = s1 + wd;
    s2 = s2 + wd2;
    s3 = fma(wd2, d, s3);
    s4 = fma(wd2, d * d, s4);
    min = select(counts & less(x, min), x, min);
    max = select(counts & greater(x, max), x, max);
  }
};

template <class E, Index kLanes>
FASTNET_INLINE void clear(LaneSums<E, kLanes>& sums) {
  std::memset(&sums, 0, sizeof sums);
  for (Index i = 0; i < kLanes; ++i) {
    sums.min[i] = static_cast<E>(__builtin_inf());
    sums.max[i] = -sums.min[i];
  }
}
template <class E, Index kLanes>
FASTNET_INLINE PowerSums<E> get(const LaneSums<E, kLanes>& sums, Index lane) {
  constexpr int r = sizeof(E) == 4 ? 1 : 2;
  return {load<double, 2>(sums.weight + lane), load<double, 2>(sums.s1 + lane),
          load<double, 2>(sums.s2 + lane),     load<double, 2>(sums.s3 + lane),
          load<double, 2>(sums.s4 + lane),     load<E, r>(sums.min + lane),
          load<E, r>(sums.max + lane)};
}
template <class E, Index kLanes>
FASTNET_INLINE void put(LaneSums<E, kLanes>& sums, Index lane, const PowerSums<E>& s) {
  store(sums.weight + lane, s.weight);
  store(sums.s1 + lane, s.s1);
  store(sums.s2 + lane, s.s2);
  store(sums.s3 + lane, s.s3);
  store(sums.s4 + lane, s.s4);
  store(sums.min + lane, s.min);
  store(sums.max + lane, s.max);
}

// Adds values, whose pivot and weights are lanewise; `weighted` is a constant's type.
struct Weighted {};
struct Unweighted {};
template <class T>
struct ExtremesOf {
  static T of(Unweighted);
  static double of(Weighted);
};
template <class T, class Mode>
using Extremes = decltype(ExtremesOf<T>::of(Mode{}));

template <class T>
FASTNET_INLINE void add_values(PowerSums<T>& s, const T* x, Pair pivot, Pair, Unweighted) {
  s.extremes(load < T, sizeof(T) == 4 ? 1 : 2 > (x));
  s.add(load_as_double<2>(x) - pivot);
}
template <class T>
FASTNET_INLINE void add_values(PowerSums<double>& s, const T* x, Pair pivot, Pair w, Weighted) {
  s.add(load_as_double<2>(x), pivot, w);
}

// The 16 lanes' combination over one tree.
template <class E, class Combine>
FASTNET_INLINE E reduce16(const E* x, Combine combine) {
  if constexpr (sizeof(E) == 4) {
    return reduce_registers(load(x), combine);
  } else {
    return reduce_registers(combine(load(x), load(x + 8)), combine);
  }
}
FASTNET_INLINE double sum16(const double* x) {
  return reduce16(x, [](auto a, auto b) FASTNET_INLINE_LAMBDA { return a + b; });
}

// Sums of powers around a pivot, of one set of values.
struct Powers {
  double n, pivot, s1, s2, s3, s4, min, max;
};

FASTNET_INLINE bool is_finite(double x) { return x - x == 0.0; }

// Fills out with the central moments; false if the pivot was too far from the mean (see
// dispatch/moments.hpp) and the mean is a better one.
FASTNET_INLINE bool central(const Powers& p, Moments* out) {
  out->min = p.min;
  out->max = p.max;
  out->n = p.n;
  if (!(p.n > 0.0)) {
    out->n = out->mean = out->rest = out->m2 = out->m3 = out->m4 = 0.0;
    return true;
  }
  const double shift = p.s1 / p.n;
  const double m2 = p.s2 - p.s1 * shift;
  const double m4 = p.s4 - shift * (4.0 * p.s3 - shift * (6.0 * p.s2 - 3.0 * (p.s1 * shift)));
  out->m2 = m2 < 0.0 ? 0.0 : m2;
  out->m3 = p.s3 - shift * (3.0 * p.s2 - 2.0 * (p.s1 * shift));
  out->m4 = m4 < 0.0 ? 0.0 : m4;
  // Knuth's exact sum of two numbers.
  const double mean = p.pivot + shift, part = mean - p.pivot;
  out->mean = mean;
  out->rest = is_finite(mean) ? (p.pivot - (mean - part)) + (shift - part) : 0.0;
  return p.s1 * shift <= 4.0 * m2 || !is_finite(mean);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
