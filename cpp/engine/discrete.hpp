// Poisson, binomial and geometric numbers, on all threads.
//
// Small means are found by searching the distribution function for one uniform (inversion), larger
// ones by Hörmann's transformed rejection (1993, "The transformed rejection method for generating
// Poisson random variables"; "The generation of binomial random variates"), whose attempts take
// counters of their own. Nothing but + - * / and square roots: equal bits on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

using Index = std::ptrdiff_t;

// One number for all values, or one each: values[i step].
template <class T>
struct Column {
  const T* values;
  Index step;
  T operator[](Index i) const { return values[i * step]; }
};

// Where a call's values come from: a stream of a key, from a position on.
struct StreamPosition {
  std::uint64_t key, stream, position;
};

// Means from 0 to kPoissonMax, beyond which a value may exceed 2^63.
constexpr double kPoissonMax = 0x1p63 - 0x1p35;
void sample_poisson(Column<double> mean, const StreamPosition& source, std::int64_t* out,
                    Index n) noexcept;

// p in [0, 1], trials >= 0.
void sample_binomial(Column<std::int64_t> trials, Column<double> p, const StreamPosition& source,
                     std::int64_t* out, Index n) noexcept;

// The number of trials up to the first success, p in (0, 1]; at most 2^63 - 1.
void sample_geometric(Column<double> p, const StreamPosition& source, std::int64_t* out,
                      Index n) noexcept;

}  // namespace fastnet
