// The choice of the ISA level: what is built, what the CPU can run, what is active.
#pragma once

#include "dispatch/kernels.hpp"

namespace fastnet {

// Levels in this build, best first; ends with a null name.
struct Level {
  const char* name;
  bool supported;  // by this CPU and operating system
};
const Level* levels() noexcept;

// The active level's kernels.
const Kernels& kernels() noexcept;

// Makes a level active; false if it is unknown, not built or not supported here.
bool use_level(const char* name) noexcept;

// Whether the CPU has what a level needs (cpu.cpp, compiled without any ISA flag).
bool cpu_supports(const char* level) noexcept;

}  // namespace fastnet
