// The dropout kernels of one ISA level.
#include "kernels/dropout-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

template <class T>
void dropout(const DropoutArgs<T>& args) noexcept {
  const PhiloxKeys keys = philox_keys(args.key);
  const std::uint64_t high = counter_high(Law::kDropout, args.ticket);
  const std::uint32_t threshold = static_cast<std::uint32_t>(args.threshold);
  const bool none_kept = args.threshold >> 32 != 0;
  for (Index i = 0; i < args.rows; ++i) {
    const T* x = args.x + i * args.x_row;
    T* y = args.y + i * args.y_row;
    if (none_kept) {
      for (Index j = 0; j < args.cols; ++j) y[j] = T(0);
      continue;
    }
    const std::uint64_t row = static_cast<std::uint64_t>(args.first_row + i);
    // Narrow rows and ends of rows take fewer registers of counters; so do doubles, whose widened
    // words would not fit the registers.
    const T scale = args.scale;
    Index j = 0;
    if constexpr (sizeof(T) == 4) {
      j = dropout_columns<4, false>(keys, high, row, threshold, scale, x, y, j, args.cols);
    }
    j = dropout_columns<2, false>(keys, high, row, threshold, scale, x, y, j, args.cols);
    dropout_columns<1, true>(keys, high, row, threshold, scale, x, y, j, args.cols);
  }
}

}  // namespace

void fill_dropout(Kernels& table) noexcept {
  table.f32.dropout = {dropout<float>};
  table.f64.dropout = {dropout<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
