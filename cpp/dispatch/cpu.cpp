// What this CPU and its operating system can run. Compiled without ISA flags: it must run anywhere.
#include <cstring>
#include <initializer_list>

#include "dispatch/dispatch.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fastnet {

#if defined(__x86_64__)
namespace {

struct Cpuid {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Cpuid cpuid(unsigned leaf, unsigned subleaf = 0) noexcept {
  Cpuid r;
  // Clang 14 declares an int, GCC an unsigned.
  if (static_cast<unsigned>(__get_cpuid_max(leaf & 0x80000000u, nullptr)) >= leaf) {
    __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  }
  return r;
}

bool has(unsigned word, std::initializer_list<int> bits) noexcept {
  for (int bit : bits) {
    if (!(word >> bit & 1u)) return false;
  }
  return true;
}

// The register state that the operating system saves: bits of XCR0.
unsigned saved_state() noexcept {
  if (!has(cpuid(1).c, {27})) return 0;  // OSXSAVE
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// x86-64-v3: AVX2, FMA, F16C, MOVBE, BMI1, BMI2, LZCNT, with ymm registers saved.
bool has_avx2() noexcept {
  return has(saved_state(), {1, 2}) && has(cpuid(1).c, {12, 22, 28, 29}) &&
         has(cpuid(7).b, {3, 5, 8}) && has(cpuid(0x80000001u).c, {5});
}

// x86-64-v4: AVX-512 F, DQ, CD, BW, VL on top, with zmm and mask registers saved.
bool has_avx512() noexcept {
  return has_avx2() && has(saved_state(), {5, 6, 7}) && has(cpuid(7).b, {16, 17, 28, 30, 31});
}

}  // namespace

bool cpu_supports(const char* level) noexcept {
  if (std::strcmp(level, "avx512") == 0) return has_avx512();
  if (std::strcmp(level, "avx512_bf16") == 0) return has_avx512() && has(cpuid(7, 1).a, {5});
  if (std::strcmp(level, "avx512_vnni") == 0) return has_avx512() && has(cpuid(7).c, {11});
  if (std::strcmp(level, "avx2") == 0) return has_avx2();
  return std::strcmp(level, "baseline") == 0;
}

#else

// aarch64 always has NEON with fma; elsewhere only the baseline is built.
bool cpu_supports(const char*) noexcept { return true; }

#endif

}  // namespace fastnet
