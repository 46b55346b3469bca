// One table per level that is built, and a pointer to the active one.
#include "dispatch/dispatch.hpp"

#include <atomic>
#include <cstring>

#define FASTNET_FOR_LEVEL(level)      \
  namespace fastnet::level {          \
  void fill_table(Kernels&) noexcept; \
  }
#ifdef FASTNET_HAS_AVX512
FASTNET_FOR_LEVEL(avx512)
#endif
#ifdef FASTNET_HAS_AVX2
FASTNET_FOR_LEVEL(avx2)
#endif
#ifdef FASTNET_HAS_NEON
FASTNET_FOR_LEVEL(neon)
#endif
#ifdef FASTNET_HAS_BASELINE
FASTNET_FOR_LEVEL(baseline)
#endif

namespace fastnet {
namespace {

struct Entry {
  const char* name;
  void (*fill)(Kernels&) noexcept;
};

// Best first.
constexpr Entry kEntries[] = {
#ifdef FASTNET_HAS_AVX512
    {"avx512", avx512::fill_table},
#endif
#ifdef FASTNET_HAS_AVX2
    {"avx2", avx2::fill_table},
#endif
#ifdef FASTNET_HAS_NEON
    {"neon", neon::fill_table},
#endif
#ifdef FASTNET_HAS_BASELINE
    {"baseline", baseline::fill_table},
#endif
};
constexpr int kLevels = sizeof kEntries / sizeof kEntries[0];

struct Tables {
  Kernels kernels[kLevels] = {};
  Level levels[kLevels + 1] = {};
  std::atomic<const Kernels*> active{nullptr};

  Tables() noexcept {
    for (int i = kLevels - 1; i >= 0; --i) {
      levels[i] = {kEntries[i].name, cpu_supports(kEntries[i].name)};
      // The fill functions only write pointers, but they are compiled for their level.
      if (!levels[i].supported) continue;
      kEntries[i].fill(kernels[i]);
      active.store(&kernels[i]);
    }
    levels[kLevels] = {nullptr, false};
  }
};

Tables g_tables;

}  // namespace

const Level* levels() noexcept { return g_tables.levels; }

const Kernels& kernels() noexcept { return *g_tables.active.load(std::memory_order_relaxed); }

bool use_level(const char* name) noexcept {
  for (int i = 0; i < kLevels; ++i) {
    if (std::strcmp(g_tables.levels[i].name, name) == 0 && g_tables.levels[i].supported) {
      g_tables.active.store(&g_tables.kernels[i]);
      return true;
    }
  }
  return false;
}

}  // namespace fastnet
