// Linear layers of float32 through tiles that multiply bfloat16. A float32 is exactly the sum of three bfloat16 (its
// bits 8 at a time, each part cut off the rest); of the nine products of two such sums, the three smallest are less
// than what float32 rounds off (2^-24 of the whole). Six products in tiles are still cheaper than one in vectors.
#pragma once
#include "tiles.h"

enum {
    PARTS = 3,
    SPLIT_UNITS = 128,  // depth between two stores of the sums, in units of two values
    SPLIT_STRIDE = SPLIT_UNITS + TILE,  // units from one part of a row to the next
    SPLIT_ROW = PARTS * SPLIT_STRIDE,
    SPLIT_STEP = 2 * TILE,  // values of a step of depth
};

INLINE void split_float(vf x, vf part[PARTS]) {
    part[0] = (vf)((vu)x & 0xffff0000u);
    part[1] = (vf)((vu)(x - part[0]) & 0xffff0000u);
    part[2] = x - part[0] - part[1];
}

typedef struct {
    float *sums;     // [pair of tile rows][panel of the task][PANEL / SQUARE] squares
    uint32_t *rows;  // [TASK_ROWS][PARTS][SPLIT_STRIDE]
    float *weights;  // [panel of the task][PANEL / SQUARE][PARTS][SPLIT_UNITS][SQUARE]
} tile_linear;

static tile_linear tile_linear_lay_out(void *scratch, long panels) {
    tile_linear t;
    t.sums = scratch;
    t.rows = (uint32_t *)(t.sums + panels * TASK_ROWS * PANEL);
    t.weights = (float *)(t.rows + TASK_ROWS * PARTS * SPLIT_STRIDE);
    return t;
}

static size_t tile_linear_scratch(const limn_convolution *c) {
    const long panels = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART).panels_per_task;
    return sizeof(float) * (TASK_ROWS * (panels * PANEL + PARTS * SPLIT_STRIDE) + panels * PARTS * SPLIT_UNITS * PANEL);
}

// Values i… of a row as parts.
INLINE void store_parts(vf x, uint32_t *to, long i) {
    vf parts[PARTS];
    split_float(x, parts);
    for (int p = 0; p < PARTS; p++) {
        const vh half = __builtin_convertvector((vu)parts[p] >> 16, vh);
        memcpy((uint16_t *)(to + p * SPLIT_STRIDE) + i, &half, sizeof half);
    }
}

// `count` values of a row as parts, zeros up to a whole step.
static void split_row(const float *from, long count, uint32_t *to) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) store_parts(load(from + i), to, i);
    if (i < count) store_parts(load_part(from + i, count - i), to, i), i += LANES;
    for (; i % SPLIT_STEP != 0; i += LANES) store_parts((vf){}, to, i);
}

// `count` rows of PANEL columns as parts in strips [PANEL / SQUARE][PARTS][SPLIT_UNITS][SQUARE], zeros up to a
// whole step.
static void split_columns(const float *rows, long count, float *to) {
    for (long unit = 0; unit < ceil_div(count, SPLIT_STEP) * TILE; unit++)
        for (long n = 0; n < PANEL; n += LANES) {
            vf low[PARTS], high[PARTS];
            split_float(2 * unit < count ? load(rows + 2 * unit * PANEL + n) : (vf){}, low);
            split_float(2 * unit + 1 < count ? load(rows + (2 * unit + 1) * PANEL + n) : (vf){}, high);
            for (int p = 0; p < PARTS; p++)
                store(to + ((n / SQUARE * PARTS + p) * SPLIT_UNITS + unit) * SQUARE + n % SQUARE,
                      (vf)((vu)low[p] >> 16 | (vu)high[p]));
        }
}

// A row of tiles of a part times both columns' tiles in 6 and 7.
#define MULTIPLY_PART(sum, tile, from, row)  \
    do {                                     \
        _tile_loadd(tile, from, (row) * 4);  \
        _tile_dpbf16ps(sum, tile, 6);        \
        _tile_dpbf16ps((sum) + 1, tile, 7);  \
    } while (0)

// c[2·16][2·16] (+)= a · b over `steps` of depth; with `pair` false, the second 16 rows are left out.
INLINE void split_square(bool pair, const uint32_t *a, long steps, const float *b, tile_sums c, bool accumulate) {
    load_sums(pair, true, c, accumulate);
    const uint32_t *top = a, *below = top + TILE * SPLIT_ROW;
    for (long step = 0; step < steps; step++, top += TILE, below += TILE, b += TILE * SQUARE) {
        // The smallest products first, for what it is worth.
#pragma clang loop unroll(full)
        for (int p = PARTS - 1; p >= 0; p--) {
            _tile_loadd(6, b + p * SPLIT_UNITS * SQUARE, SQUARE * 4);
            _tile_loadd(7, b + p * SPLIT_UNITS * SQUARE + TILE, SQUARE * 4);
#pragma clang loop unroll(full)
            for (int q = PARTS - 1 - p; q >= 0; q--) {
                MULTIPLY_PART(0, 4, top + q * SPLIT_STRIDE, SPLIT_ROW);
                if (pair) MULTIPLY_PART(2, 5, below + q * SPLIT_STRIDE, SPLIT_ROW);
            }
        }
    }
    store_sums(pair, true, c);
}

static void linear_task_f32(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART);
    const long block = task % cut.row_blocks, first_panel = task / cut.row_blocks * cut.panels_per_task;
    const long first = block_start(&cut, block), count = block_rows(&cut, block), tiles = ceil_div(count, TILE);
    const long panels = min_long(cut.panels_per_task, cut.panels - first_panel);
    const long depth = c->channels[0];
    const tile_linear t = tile_linear_lay_out(scratch, cut.panels_per_task);
    enum { STRIPS = PANEL / SQUARE };
    tiles_begin();
    for (long from = 0; from < depth; from += 2 * SPLIT_UNITS) {
        const long values = min_long(2 * SPLIT_UNITS, depth - from), steps = ceil_div(values, SPLIT_STEP);
        for (long row = 0; row < count; row++)
            split_row((const float *)c->source[0] + (first + row) * depth + from, values, t.rows + row * SPLIT_ROW);
        // Rows that are not there have sums that nobody reads, but a number's worth of them all the same.
        memset(t.rows + count * SPLIT_ROW, 0, sizeof(uint32_t) * (tiles * TILE - count) * SPLIT_ROW);
        for (long p = 0; p < panels; p++)
            split_columns((const float *)c->weights + ((first_panel + p) * depth + from) * PANEL, values,
                          t.weights + p * PARTS * SPLIT_UNITS * PANEL);
        for (long row = 0; row < tiles; row += 2) {
            float *sums = t.sums + row / 2 * panels * SQUARE * PANEL;
            for (long p = 0; p < panels; p++, sums += SQUARE * PANEL) {
                for (long strip = 0; strip < STRIPS; strip++) {
                    const float *b = t.weights + (p * STRIPS + strip) * PARTS * SPLIT_UNITS * SQUARE;
                    const tile_sums square = square_sums(sums + strip * SQUARE * SQUARE);
                    const uint32_t *a = t.rows + row * TILE * SPLIT_ROW;
                    if (row + 1 < tiles)
                        split_square(true, a, steps, b, square, from > 0);
                    else
                        split_square(false, a, steps, b, square, from > 0);
                }
                if (from + values == depth)
                    finish_tile_bf16(c, first + row * TILE, min_long(SQUARE, count - row * TILE), first_panel + p,
                                     sums);
            }
        }
    }
    tiles_end();
}
