// The two phases of a training step.
#include "engine/training.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

template <class T>
constexpr Index elements(Index bytes) {
  return bytes / static_cast<Index>(sizeof(T));
}

// Rows that phase A takes through all layers at once: their activations and gradients stay in L2,
// or, where the weights don't fit L2 themselves, enough rows to pay for streaming them.
constexpr Index kTileRows = 56;  // a multiple of 14, the height of a register tile
constexpr Index kWideTileRows = 256;
constexpr Index kWideWeightBytes = 1 << 20;
// Fewer rows than this a thread, and a layer is split by columns instead.
constexpr Index kFewRows = 8;

}  // namespace

// ---- phase A ----

template <class T>
void Training<T>::gather(const Team& team, const Dataset<T>& data,
                         const BatchRows& batch) noexcept {
  Index begin, end;
  team.share(batch.rows, 1, &begin, &end);
  const bool by_index = has_index_target(loss_.kind);
  auto* index = targets_.as<std::int64_t>();
  T* target = targets_.as<T>();
  const Index columns = network_.out_features();
  const auto bytes = static_cast<std::size_t>(network_.in_features()) * sizeof(T);
  for (Index i = begin; i < end; ++i) {
    const Index from = batch.order ? batch.order[i] : batch.first + i;
    if (copies_x_) std::memcpy(x_buffer_ + i * x_buffer_row_, data.x + from * data.x_row, bytes);
    if (by_index) {
      index[i] = data.index[from];
    } else {
      std::memcpy(target + i * columns, data.target + from * data.target_row,
                  static_cast<std::size_t>(columns) * sizeof(T));
    }
    if (data.sample_weight) weights_[i] = data.sample_weight[from];
  }
  if (team.index() != 0) return;
  for (std::size_t l = 0; l < network_.depth(); ++l) {
    if (network_.layers()[l].kind != LayerKind::kDropout || !network_.layers()[l].training)
      continue;
    const RandomSource& source = sources_[l];
    layers_[l].key = source.key;
    // A Counter that is used up, after 2^40 steps, leaves the ticket as it is.
    std::uint64_t taken;
    if (source.tickets->take(1, &taken)) layers_[l].ticket = source.first + taken;
  }
}

// All layers on a tile of rows, without meeting the other threads.
template <class T>
void Training<T>::propagate_rows(const Team& team, const LossRows<T>& rows) noexcept {
  Index begin, end;
  team.share(rows.rows, 1, &begin, &end);
  if (begin == end) return;
  const std::size_t depth = network_.depth();
  const bool wide = network_.weight_elements() * Index(sizeof(T)) > kWideWeightBytes;
  const Index height = wide ? kWideTileRows : kTileRows;
  const Index tiles = (end - begin + height - 1) / height;
  T* const own = scratch(team);
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index r0 = begin + (end - begin) * tile / tiles;
    const Index r1 = begin + (end - begin) * (tile + 1) / tiles;
    for (std::size_t l = 0; l < depth; ++l) {
      network_.forward(pass_, l, {r0, r1, 0, network_.layers()[l].out}, own);
    }
    table_->template of<T>().loss.rows(loss_, rows_of(loss_, rows, r0, r1));
    for (std::size_t l = depth; l-- > 0;) {
      network_.backward_activation(pass_, l, r0, r1);
      if (l > 0)
        network_.backward_input(pass_, l, rows.rows, {r0, r1, 0, network_.layers()[l].in}, own);
    }
  }
}

// One layer after the other: for a few rows of a wide network, whose linear layers are split by
// columns, and for batch norm, whose columns meet all rows.
template <class T>
void Training<T>::propagate_layers(const Team& team, const LossRows<T>& rows) noexcept {
  const std::size_t depth = network_.depth();
  T* const own = scratch(team);
  constexpr Index kPanel = 2 * kAlignment / Index(sizeof(T));
  const bool few = rows.rows < kFewRows * team.size();
  Index begin, end;
  team.share(rows.rows, 1, &begin, &end);
  const auto split = [&](const Layer<T>& layer, Index columns) {
    Range range{begin, end, 0, columns};
    if (few && layer.kind == LayerKind::kLinear) {
      range.r0 = 0;
      range.r1 = rows.rows;
      team.share(columns, kPanel, &range.c0, &range.c1);
    }
    return range;
  };
  const auto empty = [](Range range) { return range.r0 >= range.r1 || range.c0 >= range.c1; };
  for (std::size_t l = 0; l < depth; ++l) {
    const Layer<T>& layer = network_.layers()[l];
    if (layer.kind == LayerKind::kBatchNorm) {
      Index c0, c1;
      team.share(layer.out, kPanel, &c0, &c1);
      if (c0 < c1) network_.batch_statistics(pass_, l, rows.rows, c0, c1);
      team.barrier();
    }
    const Range range = split(layer, layer.out);
    if (!empty(range)) network_.forward(pass_, l, range, own);
    team.barrier();
  }
  if (begin < end) {
    table_->template of<T>().loss.rows(loss_, rows_of(loss_, rows, begin, end));
  }
  for (std::size_t l = depth; l-- > 0;) {
    const Layer<T>& layer = network_.layers()[l];
    if (begin < end) network_.backward_activation(pass_, l, begin, end);
    team.barrier();
    if (layer.kind == LayerKind::kBatchNorm) {
      Index c0, c1;
      team.share(layer.out, kPanel, &c0, &c1);
      if (c0 < c1) network_.batch_sums(pass_, l, rows.rows, c0, c1);
      team.barrier();
    }
    if (l == 0) break;
    const Range range = split(layer, layer.in);
    if (!empty(range)) network_.backward_input(pass_, l, rows.rows, range, own);
    team.barrier();
  }
}

// ---- phase B ----

template <class T>
void Training<T>::block_gradient(const Block& block, Index batch, T* gradient, T* own) noexcept {
  const Segment& segment = segments_[block.segment];
  const Layer<T>& layer = network_.layers()[segment.layer];
  // Padding is no gradient: it stays zero in the parameters.
  const Index row = segment.role != Role::kMatrix ? segment.size : layer.weight_row;
  for (Index i = 0; i < block.i1 - block.i0; ++i) {
    std::memset(gradient + i * row + layer.out, 0,
                static_cast<std::size_t>(row - layer.out) * sizeof(T));
  }
  if (segment.role != Role::kMatrix) {
    network_.backward_vector(pass_, segment.layer, batch, segment.role == Role::kBias, gradient,
                             own);
  } else {
    network_.backward_weight(pass_, segment.layer, batch, block.i0, block.i1, gradient, own);
  }
}

template <class T>
void Training<T>::update_block(const Block& block, const T* gradient, double scale) noexcept {
  if (optimizer_.groups[block.segment].frozen) return;
  const Index begin = block_begin(block);
  OptimizerSpec<T> spec = updates_[block.segment];
  spec.scale = static_cast<T>(optimizer_.groups[block.segment].scale * scale);
  table_->template of<T>().optimizer.update(
      spec, params_ + begin, gradient, optimizer_.state1 ? optimizer_.state1 + begin : nullptr,
      optimizer_.state2 ? optimizer_.state2 + begin : nullptr, block_size(block));
}

template <class T>
void Training<T>::update_blocks(const Team& team, Index batch) noexcept {
  T* const own = scratch(team);
  T* const gradient = own + elements<T>(kProductScratchBytes);
  for_blocks(team, [&](const Block& block) {
    if (optimizer_.groups[block.segment].frozen) return;
    block_gradient(block, batch, gradient, own);
    update_block(block, gradient, 1.0);
  });
}

template <class T>
void Training<T>::gradient_blocks(const Team& team, Index batch, bool accumulate) noexcept {
  T* const own = scratch(team);
  T* const gradient = own + elements<T>(kProductScratchBytes);
  for_blocks(team, [&](const Block& block) {
    T* const target = grads_ + block_begin(block);
    if (optimizer_.groups[block.segment].frozen) {
      std::memset(target, 0, static_cast<std::size_t>(block_size(block)) * sizeof(T));
      return;
    }
    block_gradient(block, batch, accumulate ? gradient : target, own);
    if (!accumulate) return;
    for (Index i = 0; i < block_size(block); ++i) target[i] += gradient[i];
  });
}

// What brings the gradients' norm down to max_norm, as torch.nn.utils.clip_grad_norm_ has it. Sums
// of squares are taken over fixed pieces of the flat buffer, whose padding is zero, and added in
// order.
template <class T>
double Training<T>::clip_scale(const Team& team) noexcept {
  const Index pieces = static_cast<Index>(partial_.size());
  Index begin, end;
  team.share(pieces, 1, &begin, &end);
  for (Index i = begin; i < end; ++i) {
    const Index first = i * kNormPiece;
    partial_[static_cast<std::size_t>(i)] = table_->template of<T>().reduce.sum_squares(
        grads_ + first, std::min(kNormPiece, flat_size_ - first));
  }
  team.barrier();
  double total = 0.0;
  for (const double partial : partial_) total += partial;
  const double scale = max_norm_ / (std::sqrt(total) + 1e-6);
  return scale < 1.0 ? scale : 1.0;
}

template <class T>
void Training<T>::apply_blocks(const Team& team) noexcept {
  const double scale = max_norm_ > 0.0 ? clip_scale(team) : 1.0;
  for_blocks(team,
             [&](const Block& block) { update_block(block, grads_ + block_begin(block), scale); });
}

// ---- steps ----

template <class T>
StepResult Training<T>::run_batch(const Team& team, const Dataset<T>& data, const BatchRows& batch,
                                  Mode mode) noexcept {
  if (team.index() == 0 && !copies_x_) pass_.x = data.x + batch.first * data.x_row;
  gather(team, data, batch);
  team.barrier();
  LossRows<T> rows = rows_;
  rows.rows = batch.rows;
  StepResult result;
  result.weight = loss_denominator(loss_, rows);
  if (result.weight == 0.0 && loss_.reduction == Reduction::kMean) {
    result.status = StepStatus::kSkipped;
    result.loss = std::nan("");
    team.barrier();
    return result;
  }
  rows.factor = loss_factor<T>(result.weight);
  const bool few = batch.rows < kFewRows * team.size() && team.size() > 1;
  if (few || network_.has_batch_norm()) {
    propagate_layers(team, rows);
  } else {
    propagate_rows(team, rows);
  }
  team.barrier();
  result.loss = static_cast<double>(loss_value(terms_, batch.rows, result.weight));
  if (!std::isfinite(result.loss)) {
    result.status = StepStatus::kNonFinite;
    if (mode == Mode::kStep) {
      team.barrier();
      return result;
    }
  }
  if (mode == Mode::kStep && max_norm_ == 0.0) {
    update_blocks(team, batch.rows);
  } else {
    gradient_blocks(team, batch.rows, mode == Mode::kAccumulate);
    if (mode == Mode::kStep) {
      team.barrier();
      apply_blocks(team);
    }
  }
  team.barrier();
  return result;
}

template class Training<float>;
template class Training<double>;

}  // namespace fastnet
