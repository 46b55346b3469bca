// Loops that apply a function of one or two registers to arrays.
//
// One register at a time: a lanewise result does not depend on the width, and out-of-order
// execution overlaps the chains of neighbouring registers without the spills that wider steps
// cause.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// y[i] = f(x[i]) for i < n; y may equal x.
template <class T, class F>
FASTNET_INLINE void map(const T* x, T* y, Index n, F f) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load<T, 1>(x + i)));
  if (i < n) store_partial(y + i, f(load_partial<T, 1>(x + i, n - i)), n - i);
}

// y[i] = f(a[i], b[i]) for i < n; y may equal a or b.
template <class T, class F>
FASTNET_INLINE void map2(const T* a, const T* b, T* y, Index n, F f) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load<T, 1>(a + i), load<T, 1>(b + i)));
  if (i < n) {
    store_partial(y + i, f(load_partial<T, 1>(a + i, n - i), load_partial<T, 1>(b + i, n - i)),
                  n - i);
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
