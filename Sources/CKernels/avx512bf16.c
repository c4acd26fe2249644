// AVX-512 with bfloat16 products: pairs multiplied and added to float32 sums, twice the arithmetic an instruction.
// Every CPU that has these has products of four 8-bit integers (VNNI) too.
#if defined(__x86_64__)
#define LANES 16
#define PANEL 64
#define MICRO_ROWS 6
#define HAS_BF16_CONVERSION
#define HAS_BF16_PRODUCT
#define HAS_INT8_PRODUCT
#include "kernels.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(                                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,fma,f16c,bmi,bmi2"))), \
    apply_to = function)
#include "operations/table.h"
#pragma clang attribute pop
const limn_kernels limn_kernels_avx512bf16 = KERNEL_TABLE("avx512bf16");
#endif
