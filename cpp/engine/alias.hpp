// The alias method (Walker 1977): a category from one random word and one look into a table.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastnet {

using Index = std::ptrdiff_t;

// p 2^64, cut off; for p < 1.
inline std::uint64_t threshold_of(double p) noexcept {
  return static_cast<std::uint64_t>(std::ldexp(p, 64));
}

// The column's own category where 64 random bits are below the threshold, else the alias.
struct AliasColumn {
  std::uint64_t threshold;
  std::int64_t alias;
};

class AliasTable {
 public:
  // Of n probabilities, finite and not negative with a positive sum, by which they are divided. A
  // category of probability 0 is never drawn.
  AliasTable(const double* p, Index n);
  const AliasColumn* columns() const noexcept { return columns_.data(); }
  Index size() const noexcept { return static_cast<Index>(columns_.size()); }

 private:
  std::vector<AliasColumn> columns_;
};

}  // namespace fastnet
