// Reads the size of the last cache.
#include "core/cache.hpp"

#include <cstdio>

namespace fastnet {
namespace {

std::ptrdiff_t read_last_cache() noexcept {
  std::ptrdiff_t largest = 0;
#if defined(__linux__)
  for (int i = 0; i < 8; ++i) {
    char path[64];
    std::snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
    std::FILE* f = std::fopen(path, "r");
    if (!f) break;
    long kibibytes = 0;  // "32768K"
    if (std::fscanf(f, "%ldK", &kibibytes) == 1 && kibibytes * 1024L > largest) {
      largest = kibibytes * 1024L;
    }
    std::fclose(f);
  }
#endif
  return largest > 0 ? largest : std::ptrdiff_t(1) << 25;
}

const std::ptrdiff_t g_last_cache = read_last_cache();

}  // namespace

std::ptrdiff_t last_cache_bytes() noexcept { return g_last_cache; }

}  // namespace fastnet
