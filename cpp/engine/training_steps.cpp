// Steps one by one and by epochs: which threads run them, for how long, and what is counted.
#include <algorithm>

#include "dispatch/dispatch.hpp"
#include "engine/training.hpp"

namespace fastnet {
namespace {

// Of a region with one step: its three, and what it waits for threads that were asleep.
constexpr int kStepBarriers = 5;
// Of an epoch, before the choice of threads is looked at again.
constexpr double kSliceSeconds = 20e-3;

}  // namespace

template <class T>
StepResult Training<T>::step(const Dataset<T>& data) {
  return one_batch(data, Mode::kStep);
}

template <class T>
StepResult Training<T>::gradient(const Dataset<T>& data, bool accumulate) {
  return one_batch(data, accumulate ? Mode::kAccumulate : Mode::kGradient);
}

template <class T>
StepResult Training<T>::one_batch(const Dataset<T>& data, Mode mode) {
  CallThreads threads(step_paces_, serial_microseconds(data.rows), kStepBarriers);
  prepare(data, data.rows, false, threads.count());
  StepResult result;
  if (mode == Mode::kStep) start_step();
  threads.run([&](const Team& team) {
    const StepResult mine = run_batch(team, data, {0, data.rows, nullptr}, mode);
    if (team.index() == 0) result = mine;
  });
  if (mode == Mode::kStep && result.status == StepStatus::kDone) finish_step();
  return result;
}

template <class T>
void Training<T>::apply() {
  table_ = &kernels();
  CallThreads threads(apply_paces_, static_cast<double>(flat_size_) * 1e-3);
  choose_plan(threads.count());
  start_step();
  threads.run([&](const Team& team) { apply_blocks(team); });
  finish_step();
}

template <class T>
void Training<T>::run(const Dataset<T>& data, const std::int64_t* order, Index batch,
                      double seconds, Epoch* epoch) {
  batch = std::min(batch, data.rows);
  // Many steps share a region, and how many threads are quicker is measured on the way.
  const double serial = serial_microseconds(batch);
  const int threads = threads_for(serial);
  prepare(data, batch, order != nullptr, threads);
  if (batch != pace_batch_) {
    pace_ = Pace();
    pace_batch_ = batch;
  }
  const double end = now() + seconds;
  while (!epoch->finished && epoch->status != StepStatus::kNonFinite && now() < end) {
    if (threads == 1 || serial >= kAlwaysTeamMicroseconds) {
      steps(data, order, batch, end, epoch);
      continue;
    }
    // Which is faster depends on what else the cores do: both are tried now and then. The bits are
    // the same.
    const double start = now();
    const bool team = pace_.choose(threads);
    choose_plan(team ? threads : 1);
    const Index before = epoch->steps;
    steps(data, order, batch,
          std::min(end, start + (pace_.trying() ? Pace::kWindowSeconds : kSliceSeconds)), epoch);
    if (epoch->steps > before) {
      pace_.record(now() - start, static_cast<double>(epoch->steps - before));
    }
  }
}

// Steps in one region until the epoch is over or `end` is past, at least one.
template <class T>
void Training<T>::steps(const Dataset<T>& data, const std::int64_t* order, Index batch, double end,
                        Epoch* epoch) noexcept {
  bool stop = false;
  start_step();
  parallel(plan_->threads, [&](const Team& team) {
    while (!stop) {
      BatchRows rows{epoch->next, std::min(batch, data.rows - epoch->next), nullptr};
      if (order) rows.order = order + epoch->next;
      const StepResult result = run_batch(team, data, rows, Mode::kStep);
      // All have read `epoch` at run_batch's first barrier; they read it again after the next.
      if (team.index() == 0) {
        epoch->status = result.status;
        if (result.status == StepStatus::kDone) {
          epoch->loss_sum += result.loss * result.weight;
          epoch->weight_sum += result.weight;
          finish_step();
        }
        if (result.status != StepStatus::kNonFinite) {
          epoch->next += rows.rows;
          ++epoch->steps;
        }
        epoch->finished = epoch->next >= data.rows;
        stop = epoch->finished || result.status == StepStatus::kNonFinite || now() >= end;
        if (!stop) start_step();
      }
      team.barrier();
    }
  });
}

// The scalars of the next update, from the powers of beta that it will have.
template <class T>
void Training<T>::start_step() noexcept {
  for (std::size_t g = 0; g < optimizer_.groups.size(); ++g) {
    const OptimizerGroup& group = optimizer_.groups[g];
    updates_[g] = group.kind == Optimizer::kSgd
                      ? sgd_spec<T>(group.sgd, group.steps == 0, 1.0)
                      : adam_spec<T>(group.adam, group.beta1_power * group.adam.beta1,
                                     group.beta2_power * group.adam.beta2, 1.0);
  }
}

template <class T>
void Training<T>::finish_step() noexcept {
  for (OptimizerGroup& group : optimizer_.groups) {
    ++group.steps;
    group.beta1_power *= group.adam.beta1;
    group.beta2_power *= group.adam.beta2;
  }
}

template class Training<float>;
template class Training<double>;

}  // namespace fastnet
