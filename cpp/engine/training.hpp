// A training step, and an epoch of them, in one call.
//
// A step has two phases inside one parallel region:
//   A. each thread takes its rows of the batch through all layers, the loss and all the deltas
//   back;
//      weights are only read, and a tile of rows stays in its core's cache;
//   B. each thread takes its blocks of the weights: the gradient of a block over the whole batch in
//      row order, then the optimizer's update of that block while it is in cache.
// Every element is computed by one thread in an order that does not depend on the split, so the
// bits do not depend on the number of threads, and a step equals gradient() followed by apply().
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.hpp"
#include "core/pace.hpp"
#include "engine/loss.hpp"
#include "engine/network.hpp"
#include "engine/optimizer.hpp"
#include "engine/sampler.hpp"

namespace fastnet {

// Rows to train on; `index` or `target`, as the loss has it.
template <class T>
struct Dataset {
  Index rows = 0;
  const T* x = nullptr;
  Index x_row = 0;
  const std::int64_t* index = nullptr;
  const T* target = nullptr;
  Index target_row = 0;
  const T* sample_weight = nullptr;
};

// A batch: rows order[0 .. rows) of the data, or rows [first, first + rows) if order is null.
struct BatchRows {
  Index first = 0, rows = 0;
  const std::int64_t* order = nullptr;
};

// A parameter in the flat buffers.
enum class Role : int { kMatrix, kBias, kNormWeight, kCount };
struct Segment {
  std::size_t layer;
  Role role;
  Index begin, size;  // elements, padding included
};

// Elements of the flat buffer whose squares are summed as one piece.
constexpr Index kNormPiece = 1 << 16;

// How an optimizer updates one segment, and how far it is. The powers of beta are repeated
// products, so that a resumed run has the same bits.
struct OptimizerGroup {
  bool frozen = true;
  Optimizer kind = Optimizer::kSgd;
  double scale = 1.0;  // of the gradient: -1 to ascend
  SgdOptions sgd{};
  AdamOptions adam{};
  std::int64_t steps = 0;  // done
  double beta1_power = 1.0, beta2_power = 1.0;
};

// What updates the parameters. state1 and state2 are flat as the parameters are, or null.
template <class T>
struct OptimizerState {
  std::vector<OptimizerGroup> groups;  // one a segment
  T* state1 = nullptr;
  T* state2 = nullptr;
};

// A Generator's key, its stream's first ticket and the counter of those after it.
struct RandomSource {
  std::uint64_t key = 0, first = 0;
  Counter* tickets = nullptr;
};

enum class StepStatus : int { kDone, kSkipped, kNonFinite };

struct StepResult {
  StepStatus status = StepStatus::kDone;
  double loss = 0.0;    // as rounded to T
  double weight = 0.0;  // what the loss was divided by
};

// Where an epoch stands.
struct Epoch {
  Index next = 0;  // first row of the next batch
  Index steps = 0;
  double loss_sum = 0.0, weight_sum = 0.0;  // of loss * weight and weight over the batches
  bool finished = false;
  StepStatus status = StepStatus::kDone;
};

template <class T>
class Training {
 public:
  // `params` and `grads` are flat buffers; segments are all the layers' parameters in them.
  Training(Network<T>& network, const LossSpec<T>& loss, std::vector<Segment> segments, T* params,
           T* grads);

  const OptimizerState<T>& optimizer() const { return optimizer_; }
  void set_optimizer(OptimizerState<T> optimizer) {
    optimizer_ = std::move(optimizer);
    updates_.resize(optimizer_.groups.size());
  }
  // Binary cross-entropy: null, or one factor a column.
  void set_pos_weight(const T* pos_weight) { pos_weight_ = pos_weight; }
  // Where dropout's masks come from, one source a layer; those of other layers are not used.
  void set_random(std::vector<RandomSource> sources) { sources_ = std::move(sources); }
  // 0: no clipping. Else gradients are scaled so that their norm is at most max_norm.
  void set_max_norm(double max_norm) { max_norm_ = max_norm; }

  // Throws std::bad_alloc before anything changes.
  StepResult step(const Dataset<T>& data);
  // Gradients of a batch into grads, or added to them.
  StepResult gradient(const Dataset<T>& data, bool accumulate);
  // Updates the parameters from grads.
  void apply();
  // Steps through the batches of an epoch for about `seconds`, going on from `epoch`.
  void run(const Dataset<T>& data, const std::int64_t* order, Index batch, double seconds,
           Epoch* epoch);

 private:
  enum class Mode { kStep, kGradient, kAccumulate };
  // A block of phase B: rows [i0, i1) of a segment's matrix; a vector is one row.
  struct Block {
    std::size_t segment;
    Index i0, i1;
  };
  struct Plan {
    int threads = 0;
    std::vector<Block> blocks;
    std::vector<std::size_t> first;  // first block of each thread
  };

  void prepare(const Dataset<T>& data, Index batch, bool gather, int threads);
  void choose_plan(int threads);
  void make_plan(int threads, Plan* result);
  // The blocks of this thread: where the team is smaller than the plan, each has several shares.
  template <class F>
  void for_blocks(const Team& team, const F& f) const noexcept {
    for (int t = team.index(); t < plan_->threads; t += team.size()) {
      const auto share = static_cast<std::size_t>(t);
      for (std::size_t b = plan_->first[share]; b < plan_->first[share + 1]; ++b) {
        f(plan_->blocks[b]);
      }
    }
  }
  void steps(const Dataset<T>& data, const std::int64_t* order, Index batch, double end,
             Epoch* epoch) noexcept;
  StepResult one_batch(const Dataset<T>& data, Mode mode);
  void start_step() noexcept;
  void finish_step() noexcept;
  StepResult run_batch(const Team& team, const Dataset<T>& data, const BatchRows& batch,
                       Mode mode) noexcept;
  void gather(const Team& team, const Dataset<T>& data, const BatchRows& batch) noexcept;
  void propagate_rows(const Team& team, const LossRows<T>& rows) noexcept;
  void propagate_layers(const Team& team, const LossRows<T>& rows) noexcept;
  void update_blocks(const Team& team, Index batch) noexcept;
  void gradient_blocks(const Team& team, Index batch, bool accumulate) noexcept;
  void block_gradient(const Block& block, Index batch, T* gradient, T* scratch) noexcept;
  double clip_scale(const Team& team) noexcept;
  void apply_blocks(const Team& team) noexcept;
  void update_block(const Block& block, const T* gradient, double scale) noexcept;
  Index block_begin(const Block& block) const noexcept;
  Index block_size(const Block& block) const noexcept;
  T* scratch(const Team& team) const noexcept;
  double serial_microseconds(Index rows) const noexcept;

  Network<T>& network_;
  LossSpec<T> loss_;
  std::vector<Segment> segments_;
  T* params_;
  T* grads_;
  Index flat_size_ = 0;
  OptimizerState<T> optimizer_;
  std::vector<OptimizerSpec<T>> updates_;  // of the step under way, one a segment
  const T* pos_weight_ = nullptr;
  std::vector<RandomSource> sources_;
  double max_norm_ = 0.0;

  const Kernels* table_ = nullptr;
  Index capacity_ = 0;  // rows
  Buffer activations_, thread_memory_, targets_;
  std::vector<LayerArrays<T>> layers_;
  bool copies_x_ = false;  // rows of x go to x_buffer_
  T* x_buffer_ = nullptr;
  Index x_buffer_row_ = 0;
  T* terms_ = nullptr;    // the loss by row
  T* weights_ = nullptr;  // the batch's sample weights
  Pass<T> pass_{};
  LossRows<T> rows_;
  Plan plans_[2];  // for one thread and for a team
  const Plan* plan_ = nullptr;
  Pace pace_;             // of epochs
  Index pace_batch_ = 0;  // what it was measured with
  Paces step_paces_, apply_paces_;
  std::vector<double> partial_;  // sums of squares by piece
  Index thread_bytes_ = 0;
  Index block_elements_ = 0;
};

}  // namespace fastnet
