// One thread or the team: the choice by measured times, for work whose bits do not depend on it.
//
// An estimate of the work says when threads are not worth waking. It can't say what they lose where
// cores lie far apart, or are wanted by others: on a virtual machine whose two cores answer each
// other in 60 ns or in 350 ns, as its host places them, a training step of 190 us on one thread
// took 125 us or 470 us on two.
#pragma once

#include <chrono>

#include "core/threads.hpp"

namespace fastnet {

// Seconds of a steady clock.
inline double now() noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Remembers what pieces of work cost on one thread and on the team, averaged over windows of some
// milliseconds, so that what interrupts one piece counts as little as it does. The cheaper is
// chosen; the other is tried again for a window after 2 windows, for the first ones may have been
// disturbed, then 4, 8, ... and in the end kMostWindows, so that a trial of twice the cost takes
// 1 % in all.
class Pace {
 public:
  static constexpr double kWindowSeconds = 2e-3;

  // Whether the team of so many threads is to do the next piece.
  bool choose(int threads) noexcept;
  bool trying() const noexcept { return trying_; }
  // A piece of size `units` took `seconds` on the team or on one thread, as chosen.
  void record(double seconds, double units) noexcept;

 private:
  static constexpr double kLeastWindows = 2.0, kMostWindows = 100.0;

  void begin(bool team, bool trial) noexcept;

  double cost_[2] = {-1.0, -1.0};       // of a unit on one thread and on the team
  double windows_ = kLeastWindows;      // from a trial to the next
  double left_ = 0.0;                   // seconds of work until then
  double seconds_ = 0.0, units_ = 0.0;  // of this window
  int threads_ = 0;
  // The first piece of a trial finds its data in another core's cache: it does not count.
  bool team_ = true, trying_ = true, first_ = true;
  bool best_ = true;  // the team, until one thread was found to be quicker
};

// Work from this many microseconds on one thread takes the team in any case.
constexpr double kAlwaysTeamMicroseconds = 2048.0;
// Paces of work alike, one for each power of two of microseconds up to that.
struct Paces {
  Pace of_size[11];
};

// The threads of a call whose work takes `serial_microseconds` on one, see threads_for.
class CallThreads {
 public:
  CallThreads(Paces& paces, double serial_microseconds, int barriers = 1) noexcept;
  // At most so many will run.
  int count() const { return count_; }
  template <class Body>
  void run(const Body& body) noexcept {
    if (!pace_) {
      parallel(count_, body);
      return;
    }
    const double start = now();
    const int ran = parallel(count_, body);
    // Alone because another thread has the team: that says nothing.
    if (ran == count_) pace_->record(now() - start, microseconds_);
  }

 private:
  Pace* pace_ = nullptr;
  double microseconds_;
  int count_;
};

// Runs body(team) on as many threads as pay for its work: bodies of one type are work alike.
template <class Body>
void parallel_work(double serial_microseconds, const Body& body) noexcept {
  static thread_local Paces paces;
  CallThreads(paces, serial_microseconds).run(body);
}

}  // namespace fastnet
