// Preloaded, it lets one allocation of the calling thread fail: the n-th from now on.
#include <errno.h>
#include <stddef.h>

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

// Below this it is the interpreter that allocates, for objects of its own.
enum { kLeast = 1024 };

// Allocations until one fails; negative: none does.
static __thread long left = -1;

void fail_after(long n) { left = n; }

static int fails(size_t size) {
  if (left < 0 || size < kLeast) return 0;
  return left-- == 0;
}

void* malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
void* calloc(size_t n, size_t size) { return fails(n * size) ? NULL : __libc_calloc(n, size); }
void* realloc(void* p, size_t size) { return fails(size) ? NULL : __libc_realloc(p, size); }
void* memalign(size_t alignment, size_t size) {
  return fails(size) ? NULL : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, size_t alignment, size_t size) {
  void* memory = memalign(alignment, size);
  if (!memory) return ENOMEM;
  *p = memory;
  return 0;
}
