// Losses of whole rows, cross-entropy and nll: terms and gradients in one pass over the logits.
//
// Cross-entropy never forms probabilities. With e_c = exp(x_c - m), m the row's maximum, S the sum
// of e, q the target's distribution, w the class weights and Q = sum_c w_c q_c:
//
//   l   = Q log S - D,  D = sum_c w_c q_c (x_c - m)     Q log S >= 0 >= D: nothing cancels
//   g_c = Q e_c / S - w_c q_c
//
// Rows go in groups of one vector's lanes, which share one vector logarithm. A row's first pass
// leaves e in the gradient's place (or in a register, if it fits one), a second one scales it.
#pragma once

#include "dispatch/loss.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/softmax-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// What the gradient of row i's loss is multiplied by.
template <class T>
FASTNET_INLINE T row_factor(const LossRows<T>& a, Index i) {
  T f = a.factor;
  if (a.sample_weight) f *= a.sample_weight[i];
  if (a.dloss) f *= a.dloss[i];
  return f;
}

// The class of row i, or -1 if it does not count.
template <class T>
FASTNET_INLINE Index row_class(const LossSpec<T>& spec, const LossRows<T>& a, Index i) {
  const std::int64_t y = a.index[i];
  return y != spec.ignore_index && y >= 0 && y < a.columns ? static_cast<Index>(y) : -1;
}

template <class T>
FASTNET_INLINE void fill_row(T* x, Index n, T value) {
  const Vec<T> v = splat(value);
  along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA { store_at(x + c, v, place); });
}

// The targets of a call: w_c q_c = (weight of class c) * (keep * t_c + spread).
template <class T>
struct Classes {
  const T* weight;  // or null: 1
  T keep, spread;   // 1 - label_smoothing, label_smoothing / classes
  T total;          // sum of w_c

  template <class Place>
  FASTNET_INLINE Vec<T> times_weight(Vec<T> q, Index c, Place place) const {
    return weight ? load_at(weight + c, place) * q : q;
  }
  // w_c q_c of a target given as probabilities, zero beyond the row.
  template <class Place>
  FASTNET_INLINE Vec<T> target(const T* t, Index c, Place place) const {
    const Vec<T> q = fma(splat(keep), load_at(t + c, place), splat(spread));
    return only_at(times_weight(q, c, place), place);
  }
  // w_c spread, zero beyond the row.
  template <class Place>
  FASTNET_INLINE Vec<T> background(Index c, Place place) const {
    return only_at(times_weight(splat(spread), c, place), place);
  }
};

template <class T>
Classes<T> classes_of(const LossSpec<T>& spec, Index n) {
  Classes<T> classes{spec.class_weight, static_cast<T>(1.0 - spec.label_smoothing),
                     static_cast<T>(spec.label_smoothing / static_cast<double>(n)),
                     static_cast<T>(n)};
  if (spec.class_weight) {
    RowSum<T> sum;
    along_row<T>(n, [&](Index c, auto place)
                        FASTNET_INLINE_LAMBDA { sum.add(load_at(spec.class_weight + c, place)); });
    classes.total = sum.value();
  }
  return classes;
}

// S, Q and D of the rows of a group.
template <class T>
struct Group {
  T s[Vec<T>::kLanes], q[Vec<T>::kLanes], d[Vec<T>::kLanes];
};

// The gradient of row i with class y (kIndex). e stands in the gradient's place, or is given if the
// row is narrow.
template <bool kIndex, bool kNarrow, class T>
FASTNET_INLINE void row_gradient(const LossRows<T>& a, const Classes<T>& classes, Index i, Index y,
                                 Vec<T> e, T s, T q) {
  T* dx = a.dinput + i * a.dinput_row;
  const T* t = kIndex ? nullptr : a.target + i * a.target_row;
  const T factor = row_factor(a, i);
  const Vec<T> scale = splat(factor * q / s), minus = splat(-factor);
  const bool spread = classes.spread != T(0);
  const T at_class =
      kIndex ? factor * (classes.keep * (classes.weight ? classes.weight[y] : T(1))) : T(0);
  along_row<T>(a.columns, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    if constexpr (!kNarrow) e = load_at(dx + c, place);
    Vec<T> g;
    if constexpr (!kIndex) {
      g = fma(e, scale, minus * classes.target(t, c, place));
    } else {
      g = spread ? fma(e, scale, minus * classes.background(c, place)) : e * scale;
      if constexpr (kNarrow) g = select(only_lane<T>(y), g - splat(at_class), g);
    }
    store_at(dx + c, g, place);
  });
  if constexpr (kIndex && !kNarrow) dx[y] -= at_class;
}

// Row i, which is row r of the group. kNarrow: it has at most one vector's columns, which then stay
// in the register.
template <bool kIndex, bool kNarrow, class T>
FASTNET_INLINE void cross_entropy_row(const LossSpec<T>& spec, const LossRows<T>& a,
                                      const Classes<T>& classes, Index i, Index r,
                                      Group<T>* group) {
  const T* x = a.input + i * a.input_row;
  const Index n = a.columns;
  Index y = 0;
  if constexpr (kIndex) {
    y = row_class(spec, a, i);
    if (y < 0) {
      if (a.dinput) fill_row(a.dinput + i * a.dinput_row, n, row_factor(a, i) * T(0));
      return;
    }
  }
  const T m = row_max(x, n);
  const Vec<T> shift = splat(m);
  RowSum<T> q, d;
  if constexpr (kIndex) {
    const T w = classes.keep * (classes.weight ? classes.weight[y] : T(1));
    group->q[r] = w;
    group->d[r] = w * (x[y] - m);
    if (classes.spread != T(0)) {
      along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
        const Vec<T> v = load_at(x + c, place, shift) - shift;
        d.add(classes.background(c, place) * v);
      });
      group->q[r] += classes.spread * classes.total;
      group->d[r] += d.value();
    }
  } else {
    const T* t = a.target + i * a.target_row;
    along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
      const Vec<T> wq = classes.target(t, c, place);
      q.add(wq);
      d.add(wq * (load_at(x + c, place, shift) - shift));
    });
    group->q[r] = q.value();
    group->d[r] = d.value();
  }
  Vec<T> e = zero<T>();
  if constexpr (kNarrow) {
    e = exp_negative(load_at(x, Part{n}, minus_infinity<T>()) - shift);
    group->s[r] = reduce_add(e);
  } else if (a.dinput) {
    group->s[r] = exp_row<true>(x, a.dinput + i * a.dinput_row, n, m);
  } else {
    group->s[r] = exp_row<false, T>(x, nullptr, n, m);
  }
  if (a.dinput) row_gradient<kIndex, kNarrow>(a, classes, i, y, e, group->s[r], group->q[r]);
}

template <bool kIndex, bool kNarrow, class T>
FASTNET_INLINE void cross_entropy_rows(const LossSpec<T>& spec, const LossRows<T>& a) {
  constexpr Index lanes = Vec<T>::kLanes;
  const Classes<T> classes = classes_of(spec, a.columns);
  for (Index i = 0; i < a.rows; i += lanes) {
    const Index rows = a.rows - i < lanes ? a.rows - i : lanes;
    Group<T> group;
    // A row that does not count: S = 1, Q = D = 0, so l = 0.
    store(group.s, splat(T(1)));
    store(group.q, zero<T>());
    store(group.d, zero<T>());
    for (Index r = 0; r < rows; ++r) {
      cross_entropy_row<kIndex, kNarrow>(spec, a, classes, i + r, r, &group);
    }
    if (a.loss) {
      Vec<T> l = load(group.q) * log(load(group.s)) - load(group.d);
      if (a.sample_weight) l = l * load_partial(a.sample_weight + i, rows);
      store_partial(a.loss + i, l, rows);
    }
  }
}

template <bool kIndex, class T>
void cross_entropy(const LossSpec<T>& spec, const LossRows<T>& a) noexcept {
  if (a.columns <= Vec<T>::kLanes) {
    cross_entropy_rows<kIndex, true>(spec, a);
  } else {
    cross_entropy_rows<kIndex, false>(spec, a);
  }
}

template <class T>
void nll(const LossSpec<T>& spec, const LossRows<T>& a) noexcept {
  for (Index i = 0; i < a.rows; ++i) {
    const Index y = row_class(spec, a, i);
    const T w = y < 0 ? T(0) : spec.class_weight ? spec.class_weight[y] : T(1);
    if (a.loss) {
      const T l = y < 0 ? T(0) : -w * a.input[i * a.input_row + y];
      a.loss[i] = a.sample_weight ? l * a.sample_weight[i] : l;
    }
    if (a.dinput) {
      T* dx = a.dinput + i * a.dinput_row;
      const T factor = row_factor(a, i);
      fill_row(dx, a.columns, factor * T(0));
      if (y >= 0) dx[y] = -factor * w;
    }
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
