// Builds alias tables in linear time.
#include "engine/alias.hpp"

namespace fastnet {

AliasTable::AliasTable(const double* p, Index n) : columns_(static_cast<std::size_t>(n)) {
  // Columns of size sum / n. Those that their category leaves partly empty (small) are filled up by
  // one that has too much (large), which may become small by that. `order` holds the small ones
  // from its front and the large ones from its back.
  double sum = 0;
  Index greatest = 0;
  for (Index i = 0; i < n; ++i) {
    sum += p[i];
    if (p[i] > p[greatest]) greatest = i;
  }
  const double size = sum / static_cast<double>(n);
  std::vector<double> rest(p, p + n);
  std::vector<Index> order(static_cast<std::size_t>(n));
  Index small = 0, large = n;
  for (Index i = 0; i < n; ++i) {
    if (p[i] < size) {
      order[small++] = i;
    } else {
      order[--large] = i;
    }
  }
  const auto finish = [&](Index i, Index alias) {
    const double share = rest[i] / size;
    // Rounding may leave a little less than nothing.
    columns_[i] = {share >= 1 ? ~std::uint64_t(0) : share > 0 ? threshold_of(share) : 0, alias};
  };
  // What the last large category has lost to rounding may leave small ones over: they are filled
  // up by the greatest category, so that one of probability 0 stays so.
  while (small > 0) {
    const Index i = order[--small];
    if (large == n) {
      finish(i, greatest);
      continue;
    }
    const Index j = order[large];
    const double left = rest[j] - (size - rest[i]);
    finish(i, j);
    rest[j] = left;
    if (left < size) {
      ++large;
      order[small++] = j;
    }
  }
  for (; large < n; ++large) columns_[order[large]] = {~std::uint64_t(0), order[large]};
}

}  // namespace fastnet
