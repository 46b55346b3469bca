// Two tables per level that is built, without and with its extensions, and a pointer to the active
// one.
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
#ifdef FASTNET_HAS_AVX512_BF16
namespace fastnet::avx512_bf16 {
void fill_quantized_bf16(Kernels&) noexcept;
}
#endif
#ifdef FASTNET_HAS_AVX512_VNNI
namespace fastnet::avx512_vnni {
void fill_quantized_int8(Kernels&) noexcept;
}
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

// Of the first level, the only one that has any.
constexpr Entry kExtensions[] = {
#ifdef FASTNET_HAS_AVX512_BF16
    {"avx512_bf16", avx512_bf16::fill_quantized_bf16},
#endif
#ifdef FASTNET_HAS_AVX512_VNNI
    {"avx512_vnni", avx512_vnni::fill_quantized_int8},
#endif
    {nullptr, nullptr},
};
constexpr int kExtensionCount = sizeof kExtensions / sizeof kExtensions[0] - 1;

struct Tables {
  Kernels kernels[kLevels] = {};
  Kernels extended = {};  // the first level's, with its extensions
  Level levels[kLevels + 1] = {};
  Level extensions[kExtensionCount + 1] = {};
  std::atomic<bool> use_extensions{true};
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
    extended = kernels[0];
    for (int i = 0; i < kExtensionCount; ++i) {
      extensions[i] = {kExtensions[i].name, cpu_supports(kExtensions[i].name)};
      if (extensions[i].supported) kExtensions[i].fill(extended);
    }
    extensions[kExtensionCount] = {nullptr, false};
    if (levels[0].supported) active.store(&extended);
  }

  void activate(int i) noexcept {
    active.store(i == 0 && use_extensions.load() ? &extended : &kernels[i]);
  }
};

Tables g_tables;

}  // namespace

const Level* levels() noexcept { return g_tables.levels; }

const Level* extensions() noexcept { return g_tables.extensions; }

void use_extensions(bool use) noexcept {
  g_tables.use_extensions.store(use);
  use_level(kernels().level);
}

const Kernels& kernels() noexcept { return *g_tables.active.load(std::memory_order_relaxed); }

bool use_level(const char* name) noexcept {
  for (int i = 0; i < kLevels; ++i) {
    if (std::strcmp(g_tables.levels[i].name, name) == 0 && g_tables.levels[i].supported) {
      g_tables.activate(i);
      return true;
    }
  }
  return false;
}

}  // namespace fastnet
