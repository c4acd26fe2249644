// Cores in the process's affinity mask; a shim, since Swift's Glibc module does not show sched_getaffinity.
#define _GNU_SOURCE
#include "limn_kernels.h"
#include <sched.h>

long limn_affinity_cores(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return 0;
}
