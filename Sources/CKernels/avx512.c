// AVX-512: 16 lanes, a 6×64 tile of sums in 24 of the 32 registers.
#if defined(__x86_64__)
#define LANES 16
#define PANEL 64
#define MICRO_ROWS 6
#include "kernels.h"
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c,bmi,bmi2"))), \
                             apply_to = function)
#include "operations/table.h"
#pragma clang attribute pop
const limn_kernels limn_kernels_avx512 = KERNEL_TABLE("avx512");
#endif
