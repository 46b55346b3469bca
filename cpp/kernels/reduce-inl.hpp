// Reductions of a row or an array: the order of every sum that is not a matrix product.
#pragma once

#include "dispatch/reduce.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class I>
constexpr I kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Lanes [0, n) set; n may be anything.
template <class T>
FASTNET_INLINE Mask<T, kLogical> first_lanes(Index n) {
  return less(load(kLaneNumbers<Int<T>>), splat<Int<T>>(static_cast<Int<T>>(n < 16 ? n : 16)));
}

// Lane i set, and no other.
template <class T>
FASTNET_INLINE Mask<T, kLogical> only_lane(Index i) {
  return equal(load(kLaneNumbers<Int<T>>), splat<Int<T>>(static_cast<Int<T>>(i)));
}

// A row is walked by whole vectors and, at its end, by what is left of one: f(c, place) is called
// with the first column and with where its elements lie, so that a kernel's body is written once.
struct Whole {};
struct Part {
  Index n;
};
template <class T, class F>
FASTNET_INLINE void along_row(Index n, F f) {
  constexpr Index lanes = Vec<T>::kLanes;
  Index c = 0;
  for (; c + lanes <= n; c += lanes) f(c, Whole{});
  if (c < n) f(c, Part{n - c});
}

template <class T>
FASTNET_INLINE Vec<T> load_at(const T* p, Whole) {
  return load(p);
}
template <class T>
FASTNET_INLINE Vec<T> load_at(const T* p, Part part) {
  return load_partial(p, part.n);
}
// Likewise with `fill` in the lanes beyond the row.
template <class T>
FASTNET_INLINE Vec<T> load_at(const T* p, Whole, Vec<T>) {
  return load(p);
}
template <class T>
FASTNET_INLINE Vec<T> load_at(const T* p, Part part, Vec<T> fill) {
  return select(first_lanes<T>(part.n), load_partial(p, part.n), fill);
}
// v with zero in the lanes beyond the row.
template <class T>
FASTNET_INLINE Vec<T> only_at(Vec<T> v, Whole) {
  return v;
}
template <class T>
FASTNET_INLINE Vec<T> only_at(Vec<T> v, Part part) {
  return select(first_lanes<T>(part.n), v, zero<T>());
}
template <class T>
FASTNET_INLINE void store_at(T* p, Vec<T> v, Whole) {
  store(p, v);
}
template <class T>
FASTNET_INLINE void store_at(T* p, Vec<T> v, Part part) {
  store_partial(p, v, part.n);
}

template <class T>
FASTNET_INLINE Vec<T> minus_infinity() {
  return splat(-static_cast<T>(__builtin_inf()));
}

// A sum along a row: 16 vectors are added lane by lane to make a block, blocks are added lane by
// lane, and the lanes over the fixed tree. The error is at most (16 + n / (16 lanes) + log2(lanes))
// roundings of the sum of magnitudes.
constexpr Index kRowBlock = 16;
template <class T>
struct RowSum {
  Vec<T> blocks = zero<T>(), block = zero<T>();
  Index count = 0;

  FASTNET_INLINE void add(Vec<T> v) {
    block = block + v;
    if (++count == kRowBlock) {
      blocks = blocks + block;
      block = zero<T>();
      count = 0;
    }
  }
  FASTNET_INLINE T value() const { return reduce_add(blocks + block); }
};

// The same with the blocks' sums added in double: for terms of a loss, where n may be millions.
template <class T>
struct RowSumDouble {
  double blocks = 0.0;
  Vec<T> block = zero<T>();
  Index count = 0;

  FASTNET_INLINE void add(Vec<T> v) {
    block = block + v;
    if (++count == kRowBlock) {
      blocks += static_cast<double>(reduce_add(block));
      block = zero<T>();
      count = 0;
    }
  }
  FASTNET_INLINE double value() const { return blocks + static_cast<double>(reduce_add(block)); }
};

// The maximum of a row; NaN is passed over. -inf for n = 0.
template <class T>
FASTNET_INLINE T row_max(const T* x, Index n) {
  Vec<T> m = minus_infinity<T>();
  along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    m = max(load_at(x + c, place, minus_infinity<T>()), m);
  });
  return reduce_max(m);
}

// What a sum over an array adds to its accumulators for x.
struct AddValue {
  FASTNET_INLINE Vec<double> operator()(Vec<double> s, Vec<double> x) const { return s + x; }
};
struct AddSquare {
  FASTNET_INLINE Vec<double> operator()(Vec<double> s, Vec<double> x) const { return fma(x, x, s); }
};

// ReduceKernels::sum or sum_squares of one piece, n <= kSumBlock.
template <class T, class Add>
FASTNET_INLINE double sum_piece(const T* x, Index n, Add add) {
  constexpr Index lanes = Vec<double>::kLanes;
  Vec<double> s[4] = {zero<double>(), zero<double>(), zero<double>(), zero<double>()};
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
    for (int a = 0; a < 4; ++a) s[a] = add(s[a], load_as_double(x + i + a * lanes));
  }
  int a = 0;
  for (; i + lanes <= n; i += lanes, ++a) s[a] = add(s[a], load_as_double(x + i));
  if (i < n) s[a] = add(s[a], load_as_double_partial(x + i, n - i));
  return reduce_add((s[0] + s[1]) + (s[2] + s[3]));
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
