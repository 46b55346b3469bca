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

// Extensions of a level: kernels for instructions that some of its CPUs have, in this build; they
// take the places of the level's own. Ends with a null name.
const Level* extensions() noexcept;

// Whether levels use their extensions, as they do at import.
void use_extensions(bool use) noexcept;

// Whether the CPU has what a level or an extension needs (cpu.cpp, compiled without any ISA flag).
bool cpu_supports(const char* level) noexcept;

}  // namespace fastnet
