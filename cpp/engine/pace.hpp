// One thread or the team: the choice by measured times, for work whose bits do not depend on it.
#pragma once

#include <chrono>

namespace fastnet {

// Seconds of a steady clock.
inline double now() noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Remembers how long a step took on one thread and on the team. The faster one is chosen; the other
// is tried again once 50 times its last trial's duration has passed, so that it costs at most 2 %.
class Pace {
 public:
  // Whether the team is to do the next slice.
  bool choose(double time) noexcept {
    if (seconds_[1] < 0.0) return true;
    if (seconds_[0] < 0.0) return false;
    const bool best = seconds_[1] <= seconds_[0];
    trial_ = time >= next_trial_;
    return trial_ ? !best : best;
  }
  // How long that slice should be.
  double slice(bool team) const noexcept {
    return trial_ || seconds_[team] < 0.0 ? kTrialSeconds : kSliceSeconds;
  }
  void record(bool team, double start, double end, double seconds_a_step) noexcept {
    if (trial_ || seconds_[team] < 0.0) next_trial_ = end + 50.0 * (end - start);
    seconds_[team] = seconds_a_step;
    trial_ = false;
  }

 private:
  static constexpr double kTrialSeconds = 2e-3, kSliceSeconds = 20e-3;
  double seconds_[2] = {-1.0, -1.0};
  double next_trial_ = 0.0;
  bool trial_ = false;
};

}  // namespace fastnet
