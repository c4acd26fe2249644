// Counts what the calling thread asks of malloc and its relatives, and of mmap, between a start and a stop. Linked into
// the tests, whose malloc takes the place of the C library's.
#pragma once
#include <stdbool.h>

typedef struct {
    long calls;    // malloc, calloc, realloc and the aligned ones
    long bytes;    // asked for, all calls together
    long largest;  // bytes of the largest call
    long maps;     // calls of mmap
} allocation_counts;

// False where nothing can be counted: under the sanitizers, which have a malloc of their own, and without glibc.
bool allocation_counting_works(void);
void allocation_counting_start(void);
allocation_counts allocation_counting_stop(void);
