// Stores past the caches, for arrays that are longer than they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// A store to memory that is in no cache first reads the line it changes a part of. Streaming stores
// write whole lines, so an array that is only written moves over the memory's bus once, not twice.
struct StreamKernels {
  // to[i] = from[i] for i < n, to's whole cache lines by streaming stores. Null at a level that has
  // none.
  void (*copy)(const std::uint32_t* from, std::uint32_t* to, std::ptrdiff_t n) noexcept;
  // After it other threads see what copy wrote: streaming stores are not ordered among others.
  void (*fence)() noexcept;
};

}  // namespace fastnet
