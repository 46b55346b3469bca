// Outputs that do not fit into the last cache are streamed to memory, past the caches.
//
// A plain store to a line that is in no cache reads it first, so that an activation moves three
// arrays over the memory's bus instead of two. The values are those of plain stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "core/buffer.hpp"
#include "core/cache.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// Whether to stream n elements of out, each made of one of each input: where they do not fit into
// the last cache together, and none of the inputs is out itself.
template <class T>
bool streams(const T* out, Index n, std::initializer_list<const T*> inputs) noexcept {
  const Index arrays = 1 + static_cast<Index>(inputs.size());
  if (n * arrays * Index(sizeof(T)) <= last_cache_bytes()) return false;
  for (const T* input : inputs) {
    if (input == out) return false;
  }
  return kernels().stream.copy;
}

// Elements of p before its first whole cache line.
template <class T>
Index before_line(const T* p) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  return static_cast<Index>((0 - address) % kAlignment / sizeof(T));
}

// Asks for the cache lines of [p, p + n).
template <class T>
void fetch(const T* p, Index n) noexcept {
  constexpr Index line = kAlignment / Index(sizeof(T));
  for (Index i = 0; i < n; i += line) __builtin_prefetch(p + i);
}

// Bytes of rows that are made at a time, in the innermost cache: some of each kind fit there.
constexpr Index kStreamTile = 4096;

// Calls fill(i, end, to) for runs of the rows [begin, end) of out, of n elements and at most
// kStreamTile bytes each: it writes rows [i, end) to `to`, from where they are streamed to out.
// Kernels that pass over a row more than once can't stream themselves.
template <class T, class Fill>
void stream_rows(T* out, Index n, Index begin, Index end, std::initializer_list<const T*> inputs,
                 const Fill& fill) noexcept {
  alignas(kAlignment) T tile[kStreamTile / sizeof(T)];
  constexpr Index line = kAlignment / Index(sizeof(T));
  const StreamKernels& stream = kernels().stream;
  // So many rows that tiles begin and end with cache lines, if there is room for them.
  Index room = kStreamTile / Index(sizeof(T)) / n;
  if (room > line) room -= room % line;
  for (Index i = begin; i < end; i += room) {
    const Index count = end - i < room ? end - i : room;
    fill(i, i + count, tile);
    // What the tile after the next is made of comes while this one leaves.
    const Index after = i + 2 * room, rows = end - after < room ? end - after : room;
    for (const T* x : inputs) fetch(x + after * n, rows * n);
    stream.copy(reinterpret_cast<const std::uint32_t*>(tile),
                reinterpret_cast<std::uint32_t*>(out + i * n), count * n * Index(sizeof(T) / 4));
  }
  stream.fence();
}

}  // namespace fastnet
