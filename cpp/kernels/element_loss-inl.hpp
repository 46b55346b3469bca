// Losses of elements: binary cross-entropy, mse, l1, smooth_l1, huber; terms and gradients
// together.
#pragma once

#include "dispatch/loss.hpp"
#include "kernels/cross_entropy-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// An element's loss and its derivative.
template <class T>
struct Term {
  Vec<T> loss, slope;
};

// -1, 0 or 1; NaN stays.
template <class T>
FASTNET_INLINE Vec<T> sign(Vec<T> x) {
  const Vec<T> one = splat(T(1));
  const Vec<T> none = zero<T>();
  return select(greater(x, none), one, select(less(x, none), -one, x));
}

template <class T>
struct MseTerm {
  static constexpr bool kWeighted = false;
  FASTNET_INLINE Term<T> operator()(Vec<T> x, Vec<T> t, Vec<T>) const {
    const Vec<T> d = x - t;
    return {d * d, d + d};
  }
};

template <class T>
struct L1Term {
  static constexpr bool kWeighted = false;
  FASTNET_INLINE Term<T> operator()(Vec<T> x, Vec<T> t, Vec<T>) const {
    const Vec<T> d = x - t;
    return {abs(d), sign(d)};
  }
};

template <class T>
struct SmoothL1Term {
  static constexpr bool kWeighted = false;
  T beta;
  FASTNET_INLINE Term<T> operator()(Vec<T> x, Vec<T> t, Vec<T>) const {
    const Vec<T> d = x - t, size = abs(d), b = splat(beta), half = splat(T(0.5));
    const Mask<T, kLogical> near = less(size, b);
    return {select(near, half * d * d / b, size - half * b), select(near, d / b, sign(d))};
  }
};

template <class T>
struct HuberTerm {
  static constexpr bool kWeighted = false;
  T delta;
  FASTNET_INLINE Term<T> operator()(Vec<T> x, Vec<T> t, Vec<T>) const {
    const Vec<T> d = x - t, size = abs(d), b = splat(delta), half = splat(T(0.5));
    const Mask<T, kLogical> near = less(size, b);
    return {select(near, half * d * d, b * (size - half * b)), select(near, d, b * sign(d))};
  }
};

// With z = exp(-|x|) in (0, 1]: log(1 + exp(-x)) = max(-x, 0) + log(1 + z), and sigmoid(x) is
// 1 / (1 + z) or z / (1 + z); neither overflows. NaN arrives by way of x.
template <class T>
struct BinaryCrossEntropyTerm {
  static constexpr bool kWeighted = true;
  FASTNET_INLINE Term<T> operator()(Vec<T> x, Vec<T> t, Vec<T> pos) const {
    const Vec<T> one = splat(T(1)), none = zero<T>();
    const Vec<T> z = exp_negative(-abs(x));
    const Vec<T> softplus = select(less(x, none), -x, none) + log1p_finite(z);
    const Vec<T> sigmoid = select(less(x, none), z, one) / (one + z);
    const Vec<T> negative = one - t, positive = pos * t;
    return {fma(negative, x, (negative + positive) * softplus),
            fma(negative + positive, sigmoid, -positive)};
  }
};

// A per-element array from its first row on: rows `row` apart, or one number for a column.
template <class T, class Place>
FASTNET_INLINE Vec<T> load_weight(const T* p, Index row, bool column, Index c, Place place) {
  if (!p) return splat(T(1));
  return column && row == 0 ? splat(*p) : load_at(p + c, place);
}

// Elements [0, n) whose losses are terms of their own. `column`: they are the rows of one column,
// each with its own sample weight; else they are one row, `i`.
template <class T, class F>
FASTNET_INLINE void each_element(const LossRows<T>& a, F f, Index i, Index n, bool column) {
  const T* x = a.input + i * a.input_row;
  const T* t = a.target + i * a.target_row;
  const T* w = a.weight ? a.weight + i * a.weight_row : nullptr;
  const T* pos = a.pos_weight ? a.pos_weight + i * a.pos_weight_row : nullptr;
  const T* dloss = a.dloss ? a.dloss + i * n : nullptr;
  T* loss = a.loss ? a.loss + i * n : nullptr;
  T* dx = a.dinput ? a.dinput + i * a.dinput_row : nullptr;
  const T* s = a.sample_weight;
  along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    Vec<T> p = splat(T(1));
    if constexpr (F::kWeighted) p = load_weight(pos, a.pos_weight_row, column, c, place);
    Term<T> term = f(load_at(x + c, place), load_at(t + c, place), p);
    if constexpr (F::kWeighted) {
      const Vec<T> v = load_weight(w, a.weight_row, column, c, place);
      term.loss = term.loss * v;
      term.slope = term.slope * v;
    }
    Vec<T> factor = splat(a.factor);
    if (s) {
      const Vec<T> v = column ? load_at(s + c, place) : splat(s[i]);
      term.loss = term.loss * v;
      factor = factor * v;
    }
    if (dloss) factor = factor * load_at(dloss + c, place);
    if (loss) store_at(loss + c, term.loss, place);
    if (dx) store_at(dx + c, term.slope * factor, place);
  });
}

// Row i, whose losses are summed to one term.
template <class T, class F>
FASTNET_INLINE void summed_row(const LossRows<T>& a, F f, Index i) {
  const T* x = a.input + i * a.input_row;
  const T* t = a.target + i * a.target_row;
  const T* w = a.weight ? a.weight + i * a.weight_row : nullptr;
  const T* pos = a.pos_weight ? a.pos_weight + i * a.pos_weight_row : nullptr;
  T* dx = a.dinput ? a.dinput + i * a.dinput_row : nullptr;
  const Vec<T> factor = splat(row_factor(a, i));
  RowSumDouble<T> sum;
  along_row<T>(a.columns, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    Vec<T> p = splat(T(1));
    if constexpr (F::kWeighted) p = load_weight(pos, Index(1), false, c, place);
    Term<T> term = f(load_at(x + c, place), load_at(t + c, place), p);
    if constexpr (F::kWeighted) {
      const Vec<T> v = load_weight(w, Index(1), false, c, place);
      term.loss = term.loss * v;
      term.slope = term.slope * v;
    }
    if (dx) store_at(dx + c, term.slope * factor, place);
    sum.add(only_at(term.loss, place));
  });
  if (!a.loss) return;
  const T l = static_cast<T>(sum.value());
  a.loss[i] = a.sample_weight ? l * a.sample_weight[i] : l;
}

template <class T, class F>
FASTNET_INLINE void element_losses(const LossSpec<T>& spec, const LossRows<T>& a, F f) {
  // One column without gaps is walked as a row: each element is a term, which gives the same bits.
  const auto dense = [](const T* p, Index row) { return !p || row <= 1; };
  if (a.columns == 1 && dense(a.input, a.input_row) && dense(a.target, a.target_row) &&
      dense(a.weight, a.weight_row) && dense(a.pos_weight, a.pos_weight_row) &&
      dense(a.dinput, a.dinput_row) && a.input_row == 1 && a.target_row == 1) {
    return each_element(a, f, 0, a.rows, true);
  }
  for (Index i = 0; i < a.rows; ++i) {
    if (spec.reduction == Reduction::kNone) {
      each_element(a, f, i, a.columns, false);
    } else {
      summed_row(a, f, i);
    }
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
