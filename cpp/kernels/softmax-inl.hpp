// Softmax along one row: what softmax, log-softmax and cross-entropy share.
#pragma once

#include "dispatch/softmax.hpp"
#include "kernels/math-inl.hpp"
#include "kernels/reduce-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// The sum of exp(x - m) over a row, m being row_max(x, n); if kKeep, e = exp(x - m) as well (e may
// equal x). A NaN in the row, m = +inf or m = -inf make the sum NaN, as inf - inf does.
template <bool kKeep, class T>
FASTNET_INLINE T exp_row(const T* x, T* e, Index n, T m) {
  const Vec<T> shift = splat(m);
  RowSum<T> sum;
  along_row<T>(n, [&](Index c, auto place) FASTNET_INLINE_LAMBDA {
    // Lanes beyond the row add exp(-inf) = 0.
    const Vec<T> v = exp_negative(load_at(x + c, place, minus_infinity<T>()) - shift);
    if constexpr (kKeep) store_at(e + c, v, place);
    sum.add(v);
  });
  return sum.value();
}

// The logarithm of one number.
template <class T>
FASTNET_INLINE T log_scalar(T x) {
  return log(splat<T, 1>(x)).r[0][0];
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
