// Preloaded, it lets one allocation of the process fail, on whichever thread: the n-th from now on;
// or all those of other threads. It can also end aligned memory at pages that nothing may touch.
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

// Below this it is the interpreter that allocates, for objects of its own.
enum { kLeast = 1024 };

// Allocations until one fails; negative: none does.
static atomic_long left = -1;

void fail_after(long n) { left = n; }

// Whether all allocations of threads other than the one that said so fail.
static atomic_int only_here;
static __thread int here;

void fail_elsewhere(int on) {
  here = 1;
  only_here = on;
}

static int fails(size_t size) {
  if (size < kLeast) return 0;
  if (only_here && !here) return 1;
  if (left < 0) return 0;
  return atomic_fetch_sub(&left, 1) == 0;
}

// Guarded memory is taken from one range of addresses, one after another, and not given back.
static const size_t kRange = (size_t)1 << 36, kGap = (size_t)1 << 24;
static char* begin;
static atomic_size_t taken;

void guard_aligned(void) {
  begin = mmap(NULL, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void* guarded(size_t alignment, size_t size) {
  const size_t pages = (size + 8191) / 4096 * 4096;
  char* p = begin + atomic_fetch_add(&taken, pages + kGap);
  if (p + pages > begin + kRange || mprotect(p, pages, PROT_READ | PROT_WRITE) != 0) return NULL;
  return (char*)((uintptr_t)(p + pages - size) & ~(uintptr_t)(alignment - 1));
}

static int is_guarded(const void* p) {
  return begin && (const char*)p >= begin && (const char*)p < begin + kRange;
}

void* malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
void* calloc(size_t n, size_t size) { return fails(n * size) ? NULL : __libc_calloc(n, size); }
void* realloc(void* p, size_t size) { return fails(size) ? NULL : __libc_realloc(p, size); }
void* memalign(size_t alignment, size_t size) {
  if (fails(size)) return NULL;
  return begin ? guarded(alignment, size) : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, size_t alignment, size_t size) {
  void* memory = memalign(alignment, size);
  if (!memory) return ENOMEM;
  *p = memory;
  return 0;
}
void free(void* p) {
  if (!is_guarded(p)) __libc_free(p);
}
