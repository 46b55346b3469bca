// The size of the last cache, beyond which memory is what counts.
#pragma once

#include <cstddef>

namespace fastnet {

// Bytes of the last level of cache, or 32 MiB where the system does not say; read when the library
// is loaded. Linux's files, not the C library's sysconf(): that multiplies on virtual machines (ten
// times the cache was seen).
std::ptrdiff_t last_cache_bytes() noexcept;

}  // namespace fastnet
