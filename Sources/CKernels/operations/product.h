// The product kernel that everything else is built on: c[rows][PANEL] (+)= Σ_k a[row][offset + k] · b[k][PANEL].
// `a` is one pointer a row, so that a convolution's taps, a linear's rows and attention's keys need no copying.
// Expects LANES, PANEL and MICRO_ROWS; with PRODUCT_THROUGH_BLAS defined, OpenBLAS does the work.
//
// Included once for each element: depth is counted in units of 32 bits, a float or two bfloat16 (PRODUCT_BF16), and
// TYPED gives the functions their names.
#include "vector.h"

#ifndef PRODUCT_THROUGH_BLAS

#ifndef DEPTH_PER_BLOCK
#define DEPTH_PER_BLOCK (6144 / PANEL)  // a 24 KB sliver of b stays in the first-level cache
#define VECTORS (PANEL / LANES)
#endif

INLINE vf TYPED(multiply_add)(vf sum, UNIT a, vf b) {
#ifdef PRODUCT_BF16
    const vf pair = (vf)(a - (vu){});
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)pair, (__m512bh)b);
#else
    return sum + a * b;
#endif
}

INLINE void TYPED(product_rows)(int rows, const UNIT *const *a, long offset, long depth, const float *b, float *c,
                                bool accumulate) {
    vf sum[MICRO_ROWS][VECTORS];
    const UNIT *from[MICRO_ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        from[i] = a[i] + offset;
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) sum[i][j] = accumulate ? load(c + i * PANEL + j * LANES) : (vf){};
    }
#pragma clang loop unroll_count(4)
    for (long k = 0; k < depth; k++, b += PANEL) {
        vf column[VECTORS];
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) column[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const UNIT value = from[i][k];
#pragma clang loop unroll(full)
            for (int j = 0; j < VECTORS; j++) sum[i][j] = TYPED(multiply_add)(sum[i][j], value, column[j]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) store(c + i * PANEL + j * LANES, sum[i][j]);
}

static void TYPED(product)(long rows, const UNIT *const *a, long offset, long depth, const float *b, float *c,
                           bool accumulate) {
    for (long k = 0; k < depth; k += DEPTH_PER_BLOCK) {
        const long block = min_long(DEPTH_PER_BLOCK, depth - k);
        // Remainders are split evenly: 8 rows are 4 + 4, not 6 + 2.
        for (long row = 0, groups = ceil_div(rows, MICRO_ROWS); groups > 0; groups--) {
            const long count = ceil_div(rows - row, groups);
            const UNIT *const *rows_a = a + row;
            float *rows_c = c + row * PANEL;
            const bool add = accumulate || k > 0;
            switch (count) {
                case 1: TYPED(product_rows)(1, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
                case 2: TYPED(product_rows)(2, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
                case 3: TYPED(product_rows)(3, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
                case 4: TYPED(product_rows)(4, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
                case 5: TYPED(product_rows)(5, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
                default: TYPED(product_rows)(6, rows_a, offset + k, block, b + k * PANEL, rows_c, add); break;
            }
            row += count;
        }
    }
}

#else

#include <cblas.h>

// OpenBLAS wants rows at one stride: they are gathered a block at a time.
static void TYPED(product)(long rows, const UNIT *const *a, long offset, long depth, const float *b, float *c,
                           bool accumulate) {
    enum { GATHERED_ROWS = ROWS_PER_TASK, GATHERED_DEPTH = 256 };
    float gathered[GATHERED_ROWS * GATHERED_DEPTH];
    for (long row = 0; row < rows; row += GATHERED_ROWS) {
        const long count = min_long(GATHERED_ROWS, rows - row);
        for (long k = 0; k < depth; k += GATHERED_DEPTH) {
            const long block = min_long(GATHERED_DEPTH, depth - k);
            for (long i = 0; i < count; i++)
                memcpy(gathered + i * block, a[row + i] + offset + k, sizeof(float) * block);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, PANEL, (int)block, 1, gathered,
                        (int)block, b + k * PANEL, PANEL, accumulate || k > 0, c + row * PANEL, PANEL);
        }
    }
}

#endif
