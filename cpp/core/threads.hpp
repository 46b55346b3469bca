// The team of threads: how many, and the one parallel region everything runs in.
//
// A team has one thread or T, never a number between: libgomp ends and restarts its threads when
// the size changes. T is decided anew at each call (num_threads). Inside a region threads meet at
// team.barrier(). Work must be split so that its results do not depend on the number of threads.
#pragma once

#include <atomic>
#include <cstddef>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fastnet {

constexpr int kMaxThreads = 256;

// What decides the default number of threads, for show_config().
struct ThreadLimits {
  int omp;       // OMP_NUM_THREADS, or the number of cores, as OpenMP read it at import; 1 without
                 // OpenMP
  int affinity;  // cores in the affinity mask, as it was before OpenMP bound this thread to one
  int quota;     // cores of the cgroup's quota, rounded up; 0 if there is none
};
ThreadLimits thread_limits() noexcept;

// The number of threads that a call may use: set_num_threads' or the default; 1 after a fork.
int num_threads() noexcept;
// n from 1 to kMaxThreads; 0 goes back to the default.
void set_num_threads(int n) noexcept;
const char* openmp_runtime() noexcept;

// True in a process that was forked since import: OpenMP can't be used there.
bool forked() noexcept;
// True once in such a process, after a call that would have used more threads.
bool take_fork_notice() noexcept;

// One call's threads as seen from one of them.
class Team {
 public:
  Team(int index, int size, std::atomic<int>* arrived, std::atomic<int>* phase)
      : index_(index), size_(size), arrived_(arrived), phase_(phase) {}
  int index() const { return index_; }
  int size() const { return size_; }
  // Waits for all threads of the team: spins briefly, then yields its core.
  void barrier() const noexcept;
  // This thread's part [begin, end) of n things, handed out in multiples of `grain`.
  void share(std::ptrdiff_t n, std::ptrdiff_t grain, std::ptrdiff_t* begin,
             std::ptrdiff_t* end) const noexcept {
    const std::ptrdiff_t pieces = (n + grain - 1) / grain;
    const std::ptrdiff_t b = pieces * index_ / size_ * grain;
    const std::ptrdiff_t e = pieces * (index_ + 1) / size_ * grain;
    *begin = b < n ? b : n;
    *end = e < n ? e : n;
  }

 private:
  int index_, size_;
  std::atomic<int>* arrived_;
  std::atomic<int>* phase_;
};

// The right to open a region. Only one Python thread at a time gets more than one thread, so that N
// callers use N threads and not N teams; the others run serially.
class Region {
 public:
  // `threads`: how many the work pays for, at most.
  explicit Region(int threads) noexcept;
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  int size() const { return size_; }

 private:
  int size_ = 1;
  bool owner_ = false;
};

// How many threads a call should ask for whose work takes `serial_microseconds` on one: opening a
// region and meeting at its barriers, the one at its end counted, costs `barriers` + 1 times about
// a microsecond.
int threads_for(double serial_microseconds, int barriers = 1) noexcept;
// From how many microseconds on work with one barrier pays for threads: for tests, which split the
// least work too. A negative number goes back to what was measured.
void set_worth_microseconds(double microseconds) noexcept;
// Whether even the least work is split.
bool splits_all() noexcept;

// Runs body(team) on every thread of a team of `threads` (1 or num_threads()), and returns how many
// there were. body must not throw.
template <class Body>
int parallel(int threads, const Body& body) noexcept {
  Region region(threads);
  std::atomic<int> arrived{0};
  std::atomic<int> phase{0};
#ifdef _OPENMP
  if (region.size() > 1) {
#pragma omp parallel num_threads(region.size()) default(none) shared(body, arrived, phase)
    { body(Team(omp_get_thread_num(), omp_get_num_threads(), &arrived, &phase)); }
    return region.size();
  }
#endif
  body(Team(0, 1, &arrived, &phase));
  return 1;
}

}  // namespace fastnet
