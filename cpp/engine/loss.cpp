// Losses of whole arrays on a team of threads, and the numbers that a whole batch decides.
#include "engine/loss.hpp"

#include "core/pace.hpp"

namespace fastnet {
namespace {

// What a row of n elements takes on one thread in nanoseconds: reductions and a logarithm's share,
// then an exponential an element where there is one (float32, Zen 4 with AVX-512).
double ns_per_row(Loss kind, Index n) {
  const double elements = static_cast<double>(n);
  if (kind == Loss::kBinaryCrossEntropyWithLogits) return 3.0 + 1.0 * elements;
  if (is_elementwise(kind)) return (n > 1 ? 3.0 : 0.0) + 0.2 * elements;
  if (kind == Loss::kNll) return 3.0 + 0.1 * elements;
  return 15.0 + 0.4 * elements;
}

template <class T>
void rows_on_team(const LossSpec<T>& spec, const LossRows<T>& all) noexcept {
  const auto kernel = kernels().of<T>().loss.rows;
  const double ns = static_cast<double>(all.rows) * ns_per_row(spec.kind, all.columns);
  // Whole vectors of rows, so that threads write whole cache lines of terms.
  constexpr Index kRows = 64 / Index(sizeof(T));
  parallel_work(ns * 1e-3, [&](const Team& team) {
    Index begin, end;
    team.share(all.rows, kRows, &begin, &end);
    if (begin < end) kernel(spec, rows_of(spec, all, begin, end));
  });
}

// Whether y is a class and counts.
template <class T>
bool is_class(const LossSpec<T>& spec, std::int64_t y, Index classes) {
  return y != spec.ignore_index && y >= 0 && y < classes;
}

}  // namespace

template <class T>
double loss_denominator(const LossSpec<T>& spec, const LossRows<T>& all) noexcept {
  if (spec.reduction != Reduction::kMean) return 1.0;
  if (!has_index_target(spec.kind)) {
    const double rows =
        all.sample_weight ? sum(all.sample_weight, all.rows) : static_cast<double>(all.rows);
    return is_elementwise(spec.kind) ? rows * static_cast<double>(all.columns) : rows;
  }
  double total = 0.0;
  for (Index i = 0; i < all.rows; ++i) {
    const std::int64_t y = all.index[i];
    if (!is_class(spec, y, all.columns)) continue;
    const double w = spec.class_weight ? static_cast<double>(spec.class_weight[y]) : 1.0;
    total += all.sample_weight ? w * static_cast<double>(all.sample_weight[i]) : w;
  }
  return total;
}

template <class T>
bool check_targets(const LossSpec<T>& spec, const LossRows<T>& all, Index* row) noexcept {
  if (!has_index_target(spec.kind)) return true;
  for (Index i = 0; i < all.rows; ++i) {
    const std::int64_t y = all.index[i];
    if (y == spec.ignore_index || is_class(spec, y, all.columns)) continue;
    *row = i;
    return false;
  }
  return true;
}

template <class T>
T loss_forward(const LossSpec<T>& spec, const LossRows<T>& all) noexcept {
  rows_on_team(spec, all);
  if (spec.reduction == Reduction::kNone) return T(0);
  return loss_value(all.loss, all.rows, loss_denominator(spec, all));
}

template <class T>
void loss_backward(const LossSpec<T>& spec, LossRows<T> all, T dloss) noexcept {
  all.factor =
      spec.reduction == Reduction::kNone ? T(1) : loss_factor(loss_denominator(spec, all), dloss);
  rows_on_team(spec, all);
}

#define FASTNET_INSTANTIATE(T)                                                          \
  template double loss_denominator(const LossSpec<T>&, const LossRows<T>&) noexcept;    \
  template bool check_targets(const LossSpec<T>&, const LossRows<T>&, Index*) noexcept; \
  template T loss_forward(const LossSpec<T>&, const LossRows<T>&) noexcept;             \
  template void loss_backward(const LossSpec<T>&, LossRows<T>, T) noexcept;
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
