// Linear layers of 8-bit integers: sums are exact, 32-bit, and become float32 by one scale a row and one a column.
// The epilogue is that of every other product.
#pragma once
#include "integers.h"

// Of finished rows, while they are in the first-level cache.
INLINE void scale_sums(float *sums, long rows, const float *row_scales, const float *column_scales) {
    for (long n = 0; n < PANEL; n += LANES) {
        const vf scale = load(column_scales + n);
        const vi correction = (vi)load(column_scales + PANEL + n);
        for (long row = 0; row < rows; row++) {
            float *at = sums + SUM_AT(row, n);
            store(at, __builtin_convertvector((vi)load(at) - correction, vf) * (scale * row_scales[row]));
        }
    }
}

#ifdef PRODUCT_TILES
enum {
    STEPS_TOGETHER = 20,  // tiles of depth between two stores of the sums: operands of 40 KB
    FINISHED_ROWS = SQUARE,
};

// c[2·16][2·16] (+)= a · b over `steps` tiles of depth; with `pair` false, the second 16 rows are left out.
static void tile_square_int8(const uint32_t *a, long stride, long steps, bool pair, const float *b, tile_sums c,
                             bool accumulate) {
    const uint32_t *a1 = a + TILE * stride;
    load_sums(pair, true, c, accumulate);
    for (long step = 0; step < steps; step++, a += TILE, a1 += TILE, b += TILE * PANEL) {
        _tile_loadd(4, a, stride * 4);
        _tile_loadd(6, b, PANEL * 4);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, b + TILE, PANEL * 4);
        _tile_dpbssd(1, 4, 7);
        if (!pair) continue;
        _tile_loadd(5, a1, stride * 4);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    store_sums(pair, true, c);
}

static void product_int8(long rows, const uint32_t *a, long units, const float *b, const float *row_scales, float *c) {
    const long steps = units / TILE;
    for (long first = 0; first < steps; first += STEPS_TOGETHER)
        for (long row = 0; row < rows; row += SQUARE) {
            const long block = min_long(STEPS_TOGETHER, steps - first);
            float *sums = c + row * PANEL;
            for (long column = 0; column < PANEL; column += SQUARE)
                tile_square_int8(a + row * units + first * TILE, units, block, row + TILE < rows,
                                 b + first * TILE * PANEL + column, square_sums(sums + column * SQUARE), first > 0);
            if (first + block == steps)
                scale_sums(sums, min_long(SQUARE, rows - row), row_scales + row, b + units * PANEL);
        }
}
#else
enum { FINISHED_ROWS = TASK_ROWS };

INLINE void product_rows_int8(int rows, const uint32_t *a, long stride, long depth, const float *b, float *c,
                              bool accumulate) {
    vi sum[MICRO_ROWS][VECTORS];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) sum[i][j] = accumulate ? (vi)load(c + i * PANEL + j * LANES) : (vi){};
#pragma clang loop unroll_count(4)
    for (long k = 0; k < depth; k++, b += PANEL) {
        vf column[VECTORS];
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) column[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const vu value = a[i * stride + k] - (vu){};
#pragma clang loop unroll(full)
            for (int j = 0; j < VECTORS; j++)
                sum[i][j] = (vi)_mm512_dpbusd_epi32((__m512i)sum[i][j], (__m512i)value, (__m512i)column[j]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) store(c + i * PANEL + j * LANES, (vf)sum[i][j]);
}

static void product_int8(long rows, const uint32_t *a, long units, const float *b, const float *row_scales, float *c) {
    for (long k = 0; k < units; k += DEPTH_PER_BLOCK) {
        const long block = min_long(DEPTH_PER_BLOCK, units - k);
        for (long row = 0, groups = ceil_div(rows, MICRO_ROWS); groups > 0; groups--) {
            const long count = ceil_div(rows - row, groups);
            const uint32_t *from = a + row * units + k;
            const float *weights = b + k * PANEL;
            float *to = c + row * PANEL;
            switch (count) {
                case 1: product_rows_int8(1, from, units, block, weights, to, k > 0); break;
                case 2: product_rows_int8(2, from, units, block, weights, to, k > 0); break;
                case 3: product_rows_int8(3, from, units, block, weights, to, k > 0); break;
                case 4: product_rows_int8(4, from, units, block, weights, to, k > 0); break;
                case 5: product_rows_int8(5, from, units, block, weights, to, k > 0); break;
                default: product_rows_int8(6, from, units, block, weights, to, k > 0); break;
            }
            if (k + block == units) scale_sums(to, count, row_scales + row, b + units * PANEL);
            row += count;
        }
    }
}
#endif

static void convolution_task_int8(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART);
    const long block = task % cut.row_blocks, group = task / cut.row_blocks;
    const long first = block_start(&cut, block), count = block_rows(&cut, block);
    const long units = packed_units(LIMN_INT8, c->channels[0]);
    const long last_panel = min_long(cut.panels, (group + 1) * cut.panels_per_task);
    const uint32_t *a = (const uint32_t *)c->source[0] + first * units;
#ifdef PRODUCT_TILES
    tiles_begin();
#endif
    for (long panel = group * cut.panels_per_task; panel < last_panel; panel++) {
        const float *weights = (const float *)c->weights + panel * (units + 2) * PANEL;
        product_int8(count, a, units, weights, c->row_scales + first, scratch);
        for (long row = 0; row < count; row += FINISHED_ROWS)
            finish_tile_bf16(c, first + row, min_long(FINISHED_ROWS, count - row), panel,
                             (float *)scratch + row * PANEL);
    }
#ifdef PRODUCT_TILES
    tiles_end();
#endif
}
