// What pieces of work cost on one thread and on the team, and which of them is next.
#include "core/pace.hpp"

namespace fastnet {

bool Pace::choose(int threads) noexcept {
  if (threads != threads_) {
    *this = Pace();
    threads_ = threads;
  }
  return team_;
}

void Pace::begin(bool team, bool trial) noexcept {
  team_ = team;
  trying_ = first_ = trial;
  seconds_ = units_ = 0.0;
}

void Pace::record(double seconds, double units) noexcept {
  left_ -= seconds;
  if (first_ && seconds < kWindowSeconds) {
    first_ = false;
    return;
  }
  seconds_ += seconds;
  units_ += units;
  if (seconds_ < kWindowSeconds) return;
  double& known = cost_[team_];
  const double cost = seconds_ / units_;
  // By a quarter of the way at most: one window that was interrupted does not count for much.
  known = trying_ ? cost : known + 0.25 * ((cost < 2.0 * known ? cost : 2.0 * known) - known);
  if (cost_[!team_] < 0.0) return begin(!team_, true);
  const bool best = cost_[1] <= cost_[0];
  if (best != best_) {
    best_ = best;
    windows_ = kLeastWindows;
    left_ = windows_ * seconds_;
  } else if (trying_) {
    left_ = windows_ * seconds_;
    windows_ = windows_ < kMostWindows / 2.0 ? 2.0 * windows_ : kMostWindows;
  }
  const bool trial = left_ <= 0.0;
  begin(trial ? !best : best, trial);
}

CallThreads::CallThreads(Paces& paces, double serial_microseconds, int barriers) noexcept
    : microseconds_(serial_microseconds), count_(threads_for(serial_microseconds, barriers)) {
  if (count_ == 1 || serial_microseconds >= kAlwaysTeamMicroseconds || splits_all()) return;
  int size = 0;
  while (serial_microseconds >= 2.0) {
    serial_microseconds *= 0.5;
    ++size;
  }
  pace_ = &paces.of_size[size];
  if (!pace_->choose(count_)) count_ = 1;
}

}  // namespace fastnet
