// Loops that apply a function of one or two registers to arrays.
//
// One register at a time: a lanewise result does not depend on the width, and out-of-order
// execution overlaps the chains of neighbouring registers without the spills that wider steps
// cause.
#pragma once

#include "kernels/simd-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// How far ahead of a streamed output its inputs are asked for, in bytes: the processor's own
// fetching ahead ends at each page.
constexpr Index kFetchAhead = 2048;

// A register of the output, streamed or not, whose inputs are at the same place of `inputs`. Small
// loops become two of this branch; in others it is foreseen.
template <class T, class... Inputs>
FASTNET_INLINE void put(T* y, Vec<T, 1> v, bool stream, const Inputs*... inputs) {
  if (stream) {
    (__builtin_prefetch(inputs + kFetchAhead / Index(sizeof(T))), ...);
    store_streaming(y, v);
  } else {
    store(y, v);
  }
}

// y[i] = f(x[i]) for i < n; y may equal x. `stream`: past the caches, to a y that is aligned to 64
// bytes.
template <class T, class F>
FASTNET_INLINE void map(const T* x, T* y, Index n, F f, bool stream = false) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) put(y + i, f(load<T, 1>(x + i)), stream, x + i);
  if (stream) fence_streaming();
  if (i < n) store_partial(y + i, f(load_partial<T, 1>(x + i, n - i)), n - i);
}

// y[i] = f(a[i], b[i]) for i < n; y may equal a or b.
template <class T, class F>
FASTNET_INLINE void map2(const T* a, const T* b, T* y, Index n, F f, bool stream = false) {
  constexpr Index lanes = Vec<T, 1>::kLanes;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) {
    put(y + i, f(load<T, 1>(a + i), load<T, 1>(b + i)), stream, a + i, b + i);
  }
  if (stream) fence_streaming();
  if (i < n) {
    store_partial(y + i, f(load_partial<T, 1>(a + i, n - i), load_partial<T, 1>(b + i, n - i)),
                  n - i);
  }
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
