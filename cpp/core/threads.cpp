// The number of threads, the region's lock, the barrier and what happens after fork().
#include "core/threads.hpp"

#include <pthread.h>
#include <sched.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <unistd.h>
#endif

namespace fastnet {
namespace {

std::atomic<int> g_requested{0};  // set_num_threads, 0 for the default
std::atomic<bool> g_busy{false};  // a region of more than one thread is open
std::atomic<bool> g_forked{false};
std::atomic<bool> g_fork_notice{false};  // a call in a forked child wanted more than one thread
std::atomic<bool> g_fork_noticed{false};

#if defined(__linux__)
// Cores that a quota and its period allow, from a file each or both from one; 0 if there is none.
double quota_cores(const char* quota_file, const char* period_file) noexcept {
  double quota = 0.0, period = 0.0;
  std::FILE* q = std::fopen(quota_file, "r");
  std::FILE* p = period_file ? std::fopen(period_file, "r") : q;
  // "max 100000": no quota. v1's is -1 then.
  const bool there = q && p && std::fscanf(q, "%lf", &quota) == 1 &&
                     std::fscanf(p, "%lf", &period) == 1 && quota > 0.0 && period > 0.0;
  if (p && p != q) std::fclose(p);
  if (q) std::fclose(q);
  return there ? quota / period : 0.0;
}

// The least of this process' cgroup (v2) and those above it, as far as they are to be seen.
double least_quota_cores() noexcept {
  constexpr char kRoot[] = "/sys/fs/cgroup";
  constexpr std::size_t kRootLength = sizeof kRoot - 1;
  char line[3072] = "", path[4096];
  if (std::FILE* f = std::fopen("/proc/self/cgroup", "r")) {
    while (std::fgets(line, sizeof line, f) && std::strncmp(line, "0::", 3) != 0) line[0] = '\0';
    std::fclose(f);
  }
  line[std::strcspn(line, "\n")] = '\0';
  std::snprintf(path, sizeof path, "%s%s", kRoot, line[0] ? line + 3 : "");
  double least = 0.0;
  for (std::size_t end = std::strlen(path);;) {
    std::strcpy(path + end, "/cpu.max");
    const double cores = quota_cores(path, nullptr);
    if (cores > 0.0 && (least == 0.0 || cores < least)) least = cores;
    if (end <= kRootLength) return least;
    do --end;
    while (path[end] != '/');
  }
}
#endif

// Cores allowed by the cgroups' CPU quota (v2, then v1), rounded up; 0 if there is none.
int cgroup_quota() noexcept {
#if defined(__linux__)
  double cores = least_quota_cores();
  if (cores == 0.0) {
    cores =
        quota_cores("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  }
  return static_cast<int>(std::ceil(std::fmin(cores, 1e6)));
#else
  return 0;
#endif
}

int affinity_cores() noexcept {
#if defined(_OPENMP)
  // The mask as it was when OpenMP was loaded: with OMP_PROC_BIND=true loading it binds this thread
  // to one core, which is not a wish for one thread.
  return omp_get_num_procs();
#elif defined(__linux__)
  // A mask of more than CPU_SETSIZE cores does not fit and is refused: then all cores count.
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
#else
  return kMaxThreads;
#endif
}

int omp_threads() noexcept {
#ifdef _OPENMP
  // libomp 14 answers with what memory held where OMP_NUM_THREADS is not a number.
  const int threads = omp_get_max_threads();
  return threads >= 1 ? threads : omp_get_num_procs();
#else
  return 1;
#endif
}

ThreadLimits read_limits() noexcept { return {omp_threads(), affinity_cores(), cgroup_quota()}; }

const ThreadLimits g_limits = read_limits();

// In the child of a fork only the forking thread exists; libgomp would wait for the others forever.
// Any child is serial, not just one of a process whose threads ran here: another library may have
// used the same OpenMP runtime, and nothing tells.
void after_fork() noexcept {
  g_forked.store(true);
  g_busy.store(false);
}

const int g_registered = pthread_atfork(nullptr, nullptr, after_fork);

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

}  // namespace

ThreadLimits thread_limits() noexcept { return g_limits; }

const char* openmp_runtime() noexcept {
#if !defined(_OPENMP)
  return "none";
#elif defined(__clang__)
  return "libomp";
#else
  return "libgomp";
#endif
}

bool forked() noexcept { return g_forked.load(std::memory_order_relaxed); }

bool take_fork_notice() noexcept {
  return g_fork_notice.load(std::memory_order_relaxed) && g_fork_notice.exchange(false);
}

namespace {

// The setting, as it would be without a fork.
int allowed_threads() noexcept {
  int n = g_requested.load(std::memory_order_relaxed);
  if (n == 0) {
    n = g_limits.omp < g_limits.affinity ? g_limits.omp : g_limits.affinity;
    if (g_limits.quota > 0 && g_limits.quota < n) n = g_limits.quota;
  }
#ifdef _OPENMP
  // A caller that lowered OpenMP's limit since import (threadpoolctl, joblib) is obeyed.
  const int now = omp_get_max_threads();
  if (now < g_limits.omp && now < n) n = now;
#endif
  if (n > kMaxThreads) n = kMaxThreads;
  return n < 1 ? 1 : n;
}

}  // namespace

int num_threads() noexcept {
  const int n = allowed_threads();
  if (!forked()) return n;
  if (n > 1 && !g_fork_noticed.exchange(true)) g_fork_notice.store(true);
  return 1;
}

void set_num_threads(int n) noexcept { g_requested.store(n, std::memory_order_relaxed); }

Region::Region(int threads) noexcept {
#ifdef _OPENMP
  if (threads <= 1 || forked() || omp_in_parallel()) return;
  bool expected = false;
  if (!g_busy.compare_exchange_strong(expected, true)) return;
  owner_ = true;
  size_ = threads;
#else
  (void)threads;
#endif
}

Region::~Region() {
  if (owner_) g_busy.store(false);
}

namespace {

// Half of the work must outweigh a region with one barrier (about 2 us when its threads are awake;
// measured on two cores of a Zen 4).
constexpr double kWorthMicroseconds = 8.0;
std::atomic<double> g_worth{kWorthMicroseconds};

}  // namespace

int threads_for(double serial_microseconds, int barriers) noexcept {
  const double worth = g_worth.load(std::memory_order_relaxed) * 0.5 * (barriers + 1);
  return serial_microseconds < worth ? 1 : num_threads();
}

void set_worth_microseconds(double microseconds) noexcept {
  g_worth.store(microseconds < 0 ? kWorthMicroseconds : microseconds, std::memory_order_relaxed);
}

bool splits_all() noexcept { return g_worth.load(std::memory_order_relaxed) == 0.0; }

void Team::barrier() const noexcept {
  if (size_ == 1) return;
  // Barriers of one region have the numbers 0, 1, 2, ...; the last to arrive starts the next.
  const int phase = phase_->load(std::memory_order_relaxed);
  if (arrived_->fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    arrived_->store(0, std::memory_order_relaxed);
    phase_->store(phase + 1, std::memory_order_release);
    return;
  }
  // About 20 us of spinning covers an uneven split; a longer wait means that the core is wanted.
  constexpr int kSpins = 1000;
  for (int spin = 0; phase_->load(std::memory_order_acquire) == phase; ++spin) {
    if (spin < kSpins) {
      pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace fastnet
