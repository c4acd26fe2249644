// AVX2 and FMA: 8 lanes, a 6×16 tile of sums in 12 of the 16 registers.
#if defined(__x86_64__)
#define LANES 8
#define PANEL 16
#define MICRO_ROWS 6
#include "kernels.h"
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "operations/table.h"
#pragma clang attribute pop
const limn_kernels limn_kernels_avx2 = KERNEL_TABLE("avx2");
#endif
