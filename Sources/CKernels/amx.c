// AMX: products of bfloat16 and of 8-bit integers in tiles of 16 × 64 bytes, ten times and more the arithmetic of
// vectors; the rest is AVX-512.
#if defined(__x86_64__)
#define LANES 16
#define PANEL 64
#define MICRO_ROWS 6
#define HAS_BF16_CONVERSION
#define HAS_TILES
#define HAS_INT8_PRODUCT
#define _GNU_SOURCE
#include "kernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#pragma clang attribute push(                                                                         \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16,amx-int8," \
                          "fma,f16c,bmi,bmi2"))),                                                     \
    apply_to = function)
#include "operations/table.h"
#pragma clang attribute pop
const limn_kernels limn_kernels_amx = KERNEL_TABLE("amx");

bool limn_amx_is_usable(void) {
#if defined(__linux__)
    // The tiles' 8 KB a thread are not part of every thread's state: a process asks for them once.
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-int8")
        && __builtin_cpu_supports("amx-tile") && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif
