#include "AllocationCounting.h"
#include <features.h>
#include <stddef.h>

static _Thread_local bool counting;
static _Thread_local allocation_counts counts;

void allocation_counting_start(void) {
    counts = (allocation_counts){0};
    counting = true;
}

allocation_counts allocation_counting_stop(void) {
    counting = false;
    return counts;
}

#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

bool allocation_counting_works(void) { return true; }

static void count(size_t bytes) {
    if (!counting) return;
    counts.calls++;
    counts.bytes += (long)bytes;
    if ((long)bytes > counts.largest) counts.largest = (long)bytes;
}

void *malloc(size_t bytes) {
    count(bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes) {
    count(number * bytes);
    return __libc_calloc(number, bytes);
}

void *realloc(void *old, size_t bytes) {
    count(bytes);
    return __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    count(bytes);
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    *memory = memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    if (counting) counts.maps++;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}
#else
bool allocation_counting_works(void) { return false; }
#endif
