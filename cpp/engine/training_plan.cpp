// Training's memory, and which thread gets which block of the weights.
#include <algorithm>
#include <utility>

#include "dispatch/dispatch.hpp"
#include "engine/training.hpp"

namespace fastnet {
namespace {

// Gradients of a block of weights that wait for the optimizer: they stay in L2.
constexpr Index kBlockBytes = 128 * 1024;
// Rows of the highest register tile, whose number decides how blocks are cut.
constexpr Index kTile = 14;

// Elements that a norm keeps of a batch: mean and rstd, batch norm also its sums.
template <class T>
Index statistics_size(const Layer<T>& layer, Index batch, Index row) {
  if (layer.kind == LayerKind::kLayerNorm) return 2 * round_up(batch, 16);
  return layer.kind == LayerKind::kBatchNorm ? 4 * row : 0;
}

}  // namespace

template <class T>
Training<T>::Training(Network<T>& network, const LossSpec<T>& loss, std::vector<Segment> segments,
                      T* params, T* grads)
    : network_(network),
      loss_(loss),
      segments_(std::move(segments)),
      params_(params),
      grads_(grads) {
  for (const Segment& segment : segments_) {
    flat_size_ = std::max(flat_size_, segment.begin + segment.size);
  }
  partial_.resize(static_cast<std::size_t>((flat_size_ + kNormPiece - 1) / kNormPiece));
}

template <class T>
double Training<T>::serial_microseconds(Index rows) const noexcept {
  return 3.0 * network_.nanoseconds_per_row() * static_cast<double>(rows) * 1e-3;
}

template <class T>
void Training<T>::prepare(const Dataset<T>& data, Index batch, bool gather, int threads) {
  table_ = &kernels();
  const std::size_t depth = network_.depth();
  const Layer<T>* layers = network_.layers().data();
  if (batch > capacity_) {
    // All of a batch's arrays, in the order in which they are used.
    std::vector<LayerArrays<T>> arrays(depth);
    const Index x_row = padded_row<T>(network_.in_features());
    Index size = batch * x_row;
    for (std::size_t l = 0; l < depth; ++l) {
      arrays[l].row = padded_row<T>(layers[l].out);
      size += batch * arrays[l].row * (keeps_sum(layers[l]) ? 3 : 2);
      size += statistics_size(layers[l], batch, arrays[l].row);
    }
    const Index terms = round_up(batch, 16);
    size += terms;
    const Index target_bytes = round_up(
        batch * (has_index_target(loss_.kind) ? Index(sizeof(std::int64_t))
                                              : network_.out_features() * Index(sizeof(T))),
        kAlignment);
    targets_.reserve(target_bytes + batch * Index(sizeof(T)));
    weights_ = reinterpret_cast<T*>(targets_.as<char>() + target_bytes);
    activations_.reserve(size * static_cast<Index>(sizeof(T)));
    activations_.clear();
    T* p = activations_.as<T>();
    const auto take = [&p](Index n) { return std::exchange(p, p + n); };
    x_buffer_ = take(batch * x_row);
    x_buffer_row_ = x_row;
    for (std::size_t l = 0; l < depth; ++l) {
      LayerArrays<T>& a = arrays[l];
      a.y = take(batch * a.row);
      a.z = keeps_sum(layers[l]) ? take(batch * a.row) : a.y;
      a.d = take(batch * a.row);
      const Index statistics = statistics_size(layers[l], batch, a.row);
      if (statistics == 0) continue;
      const bool by_row = layers[l].kind == LayerKind::kLayerNorm;
      a.mean = take(by_row ? statistics / 2 : a.row);
      a.rstd = take(by_row ? statistics / 2 : a.row);
      if (!by_row) a.sums = take(2 * a.row);
    }
    terms_ = take(terms);
    layers_ = std::move(arrays);
    capacity_ = batch;
  }
  choose_plan(threads);

  const LayerArrays<T>& last = layers_.back();
  rows_ = {};
  rows_.columns = network_.out_features();
  rows_.input = last.y;
  rows_.input_row = rows_.dinput_row = last.row;
  rows_.dinput = last.d;
  rows_.loss = terms_;
  if (has_index_target(loss_.kind)) {
    rows_.index = targets_.as<std::int64_t>();
  } else {
    rows_.target = targets_.as<T>();
    rows_.target_row = rows_.columns;
  }
  if (data.sample_weight) rows_.sample_weight = weights_;
  rows_.pos_weight = pos_weight_;

  pass_.table = table_;
  pass_.training = true;
  pass_.layers = layers_.data();
  // Rows that lie in order are read where they are, unless their distance falls into one cache set.
  const bool direct = !gather && data.x_row % (4096 / Index(sizeof(T))) != 0;
  copies_x_ = !direct;
  pass_.x = direct ? data.x : x_buffer_;
  pass_.x_row = direct ? data.x_row : x_buffer_row_;
}

template <class T>
void Training<T>::choose_plan(int threads) {
  Plan& plan = plans_[threads > 1];
  if (plan.threads != threads) make_plan(threads, &plan);
  plan_ = &plan;
}

// Gives every thread a run of the segments' rows, all runs of one cost: where one ends within a
// matrix, it is cut between register tiles. A row costs its elements, whether they are weights or a
// bias, for each has a chain over the batch and an update.
template <class T>
void Training<T>::make_plan(int threads, Plan* result) {
  Plan plan;
  plan.threads = threads;
  double total = 0.0;
  for (const Segment& segment : segments_) total += static_cast<double>(segment.size);
  double sum = 0.0;
  int thread = 1;
  Index elements = block_elements_;
  plan.first.push_back(0);
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const Layer<T>& layer = network_.layers()[segment.layer];
    const Index rows = segment.role == Role::kMatrix ? layer.in : 1;
    const Index row = segment.role == Role::kMatrix ? layer.weight_row : segment.size;
    const Index height = std::max(kTile, kBlockBytes / Index(sizeof(T)) / row / kTile * kTile);
    for (Index i = 0; i < rows;) {
      const double left = total * thread / threads - sum;
      const Index until = static_cast<Index>(left / static_cast<double>(row * kTile) + 0.5) * kTile;
      if (until <= 0 && thread < threads) {
        plan.first.push_back(plan.blocks.size());
        ++thread;
        continue;
      }
      const Index n = std::min({height, rows - i, thread < threads ? until : rows});
      plan.blocks.push_back({s, i, i + n});
      elements = std::max(elements, n * row);
      sum += static_cast<double>(n * row);
      i += n;
    }
  }
  plan.first.resize(static_cast<std::size_t>(threads) + 1, plan.blocks.size());
  // The gradient of a block in phase B, transposed rows in phase A.
  const Index memory = std::max(elements, network_.gradient_elements());
  const Index bytes = kProductScratchBytes + round_up(memory * Index(sizeof(T)), kAlignment);
  // Both plans use one memory: a block of the other may be larger, and its threads more. Where
  // there is none, the other plan stays as it was.
  thread_memory_.reserve(std::max(threads, plans_[1].threads) * bytes);
  block_elements_ = elements;
  thread_bytes_ = bytes;
  *result = std::move(plan);
}

template <class T>
T* Training<T>::scratch(const Team& team) const noexcept {
  return reinterpret_cast<T*>(thread_memory_.as<char>() + team.index() * thread_bytes_);
}

template <class T>
Index Training<T>::block_begin(const Block& block) const noexcept {
  const Segment& segment = segments_[block.segment];
  return segment.begin + (segment.role != Role::kMatrix
                              ? 0
                              : block.i0 * network_.layers()[segment.layer].weight_row);
}

template <class T>
Index Training<T>::block_size(const Block& block) const noexcept {
  const Segment& segment = segments_[block.segment];
  if (segment.role != Role::kMatrix) return segment.size;
  return (block.i1 - block.i0) * network_.layers()[segment.layer].weight_row;
}

template class Training<float>;
template class Training<double>;

}  // namespace fastnet
