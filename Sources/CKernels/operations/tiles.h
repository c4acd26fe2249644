// Matrix products in AMX tiles: 16 rows of 64 bytes each, two bfloat16 (a unit) of depth to every float32 of a row.
// A tile of sums is 16 × 16; one instruction adds the products of 16 units of depth to it.
//
// The packed weights are those of every other set: 16 rows of a panel are what a tile of weights wants.
#pragma once
#include "vector.h"

enum {
    TILE = 16,            // rows, and units of depth, of a tile
    BLOCK_UNITS = 480,    // depth between two stores of the sums, at most; a multiple of TILE
    MOST_SEGMENTS = BLOCK_UNITS / TILE,
    // Copied rows lie a cache line more apart, so that 16 of them do not share a set of the cache.
    GATHERED_STRIDE = BLOCK_UNITS + TILE,
    TILE_ROWS = ROWS_PER_TILE_TASK / TILE,  // rows of tiles in a task
};

// All eight tiles whole. A task sets the tiles up for itself, and lets go of them for the sake of other programs.
static void tiles_begin(void) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } whole = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&whole);
}
static void tiles_end(void) { _tile_release(); }

// 16 rows of units at one distance from each other.
typedef struct {
    const uint32_t *first;
    long stride;
} tile_rows;

// c[2·16][2·16] (+)= a · b, over `segments` stretches of depth of `steps` tiles each. a holds the rows of every
// segment, the second 16 rows `next` further on; b goes on through all segments. With `pair` false, the second 16 rows
// are left out; with `wide` false, the second 16 columns.
INLINE void tile_square(bool pair, bool wide, const tile_rows *a, long next, long segments, long steps, const float *b,
                        float *c, bool accumulate) {
    float *c1 = c + TILE * PANEL;
    if (accumulate) {
        _tile_loadd(0, c, PANEL * 4);
        if (wide) _tile_loadd(1, c + TILE, PANEL * 4);
        if (pair) _tile_loadd(2, c1, PANEL * 4);
        if (pair && wide) _tile_loadd(3, c1 + TILE, PANEL * 4);
    } else {
        _tile_zero(0);
        if (wide) _tile_zero(1);
        if (pair) _tile_zero(2);
        if (pair && wide) _tile_zero(3);
    }
    for (long segment = 0; segment < segments; segment++) {
        const tile_rows top = a[segment], bottom = pair ? a[next + segment] : top;
        const uint32_t *a0 = top.first, *a1 = bottom.first;
        const long stride0 = top.stride * 4, stride1 = bottom.stride * 4;
        for (long step = 0; step < steps; step++, a0 += TILE, a1 += TILE, b += TILE * PANEL) {
            _tile_loadd(4, a0, stride0);
            _tile_loadd(6, b, PANEL * 4);
            _tile_dpbf16ps(0, 4, 6);
            if (wide) {
                _tile_loadd(7, b + TILE, PANEL * 4);
                _tile_dpbf16ps(1, 4, 7);
            }
            if (pair) {
                _tile_loadd(5, a1, stride1);
                _tile_dpbf16ps(2, 5, 6);
                if (wide) _tile_dpbf16ps(3, 5, 7);
            }
        }
    }
    _tile_stored(0, c, PANEL * 4);
    if (wide) _tile_stored(1, c + TILE, PANEL * 4);
    if (pair) _tile_stored(2, c1, PANEL * 4);
    if (pair && wide) _tile_stored(3, c1 + TILE, PANEL * 4);
}

// One or two rows of tiles × all columns, which are rounded up to 16.
static void tile_strip(bool pair, long columns, const tile_rows *a, long next, long segments, long steps,
                       const float *b, float *c, bool accumulate) {
    for (long column = 0; column < columns; column += 2 * TILE) {
        const bool wide = column + TILE < columns;
        if (pair && wide)
            tile_square(true, true, a, next, segments, steps, b + column, c + column, accumulate);
        else if (pair)
            tile_square(true, false, a, next, segments, steps, b + column, c + column, accumulate);
        else if (wide)
            tile_square(false, true, a, next, segments, steps, b + column, c + column, accumulate);
        else
            tile_square(false, false, a, next, segments, steps, b + column, c + column, accumulate);
    }
}

// c[16·tiles][columns] (+)= a · b for rows at one distance and `steps` tiles of depth.
static void tile_product(long tiles, long columns, const uint32_t *a, long stride, long steps, const float *b, float *c,
                         bool accumulate) {
    for (long row = 0; row < tiles; row += 2) {
        const uint32_t *from = a + row * TILE * stride;
        const tile_rows rows[2] = {{from, stride}, {from + TILE * stride, stride}};
        tile_strip(row + 1 < tiles, columns, rows, 1, 1, steps, b, c + row * TILE * PANEL, accumulate);
    }
}

// ---- Convolution

// Where a task keeps its things.
typedef struct {
    float *sums;         // [panel of the task][TASK_ROWS][PANEL]
    uint32_t *gathered;  // [TASK_ROWS][GATHERED_STRIDE]
    float *last_weights; // [TILE][PANEL]
    tile_rows *rows;     // [tile row][MOST_SEGMENTS]
    const uint32_t **pointers;
} tile_convolution;

static tile_convolution tile_convolution_lay_out(void *scratch, long panels) {
    tile_convolution t;
    t.sums = scratch;
    t.gathered = (uint32_t *)(t.sums + panels * TASK_ROWS * PANEL);
    t.last_weights = (float *)(t.gathered + TASK_ROWS * GATHERED_STRIDE);
    t.rows = (tile_rows *)(t.last_weights + TILE * PANEL);
    t.pointers = (const uint32_t **)(t.rows + TILE_ROWS * MOST_SEGMENTS);
    return t;
}

// Without the pointers, which every set has.
static size_t tile_convolution_scratch(const limn_convolution *c) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS);
    return sizeof(float) * (TASK_ROWS * (cut.panels_per_task * PANEL + GATHERED_STRIDE) + TILE * PANEL)
        + sizeof(tile_rows) * TILE_ROWS * MOST_SEGMENTS;
}

static void copy_units(const uint32_t *from, long count, uint32_t *to) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) store((float *)to + i, load((const float *)from + i));
    for (; i < count; i++) to[i] = from[i];
}

// Units [first, last) of the depth (taps one after the other, channels within) of every row, copied together, zeros
// up to a whole tile of depth and for rows that are not there.
static void gather_rows(const limn_convolution *c, const tile_convolution *t, long rows, long first, long last) {
    const long in = units_bf16(c->channels[0]), filled = ceil_div(last - first, TILE) * TILE;
    for (long row = 0; row < ceil_div(rows, TILE) * TILE; row++) {
        uint32_t *to = t->gathered + row * GATHERED_STRIDE, *const end = to + filled;
        if (row % TILE == 0) t->rows[row / TILE * MOST_SEGMENTS] = (tile_rows){to, GATHERED_STRIDE};
        for (long unit = row < rows ? first : last; unit < last;) {
            const long tap = unit / in, offset = unit % in, count = min_long(in - offset, last - unit);
            copy_units(t->pointers[tap * 2 * TASK_ROWS + row] + offset, count, to);
            to += count, unit += count;
        }
        while (to < end) *to++ = 0;
    }
}

// Rows of one tap and tile, from unit `offset` on: where they lie if they do so at one distance, as the pixels of a
// line of the picture do, else copied together.
static tile_rows find_rows(const uint32_t *const *pointers, long rows, long offset, long units, uint32_t *gathered) {
    const long stride = rows > 1 ? pointers[1] - pointers[0] : 0;
    bool even = rows == TILE;
    for (long row = 2; row < rows; row++) even &= pointers[row] - pointers[row - 1] == stride;
    if (even) return (tile_rows){pointers[0] + offset, stride};
    for (long row = 0; row < TILE; row++) {
        uint32_t *to = gathered + row * GATHERED_STRIDE;
        if (row < rows)
            copy_units(pointers[row] + offset, units, to);
        else
            memset(to, 0, sizeof *to * units);
    }
    return (tile_rows){gathered, GATHERED_STRIDE};
}

// Finds or copies the rows of the next block of the depth, which begins at unit `from`: some whole taps, or a part of
// one. Sets how many stretches (segments) of how many units it has.
static void next_block(const limn_convolution *c, const tile_convolution *t, long count, long from, long *segments,
                       long *units) {
    const long in = units_bf16(c->channels[0]), taps = c->kernel_height * c->kernel_width;
    *segments = 1;
    if (in % TILE != 0) {
        *units = min_long(BLOCK_UNITS, taps * in - from);
        gather_rows(c, t, count, from, from + *units);
        return;
    }
    const long tap = from / in, offset = from % in;
    const long parts = ceil_div(in, BLOCK_UNITS), part = ceil_div(in / TILE, parts) * TILE;
    *units = min_long(part, in - offset);
    if (parts == 1) *segments = min_long(BLOCK_UNITS / in, taps - tap);
    for (long row = 0; row < count; row += TILE)
        for (long s = 0; s < *segments; s++)
            t->rows[row / TILE * MOST_SEGMENTS + s] =
                find_rows(t->pointers + (tap + s) * 2 * TASK_ROWS + row, min_long(TILE, count - row), offset, *units,
                          t->gathered + row * GATHERED_STRIDE + s * *units);
}

static void convolution_task_bf16(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS);
    const long first = task % cut.row_blocks * TASK_ROWS, group = task / cut.row_blocks;
    const long count = min_long(TASK_ROWS, cut.rows - first), tiles = ceil_div(count, TILE);
    const long depth = c->kernel_height * c->kernel_width * units_bf16(c->channels[0]);
    const long first_panel = group * cut.panels_per_task;
    const long last_panel = min_long(cut.panels, first_panel + cut.panels_per_task);
    const tile_convolution t = tile_convolution_lay_out(scratch, cut.panels_per_task);
    gather_pointers_bf16(c, first, count, t.pointers);
    tiles_begin();
    for (long from = 0, segments, units; from < depth; from += segments * units) {
        next_block(c, &t, count, from, &segments, &units);
        const long steps = units / TILE, rest = units % TILE;
        for (long panel = first_panel; panel < last_panel; panel++) {
            const float *weights = (const float *)c->weights + (panel * depth + from) * PANEL;
            float *sums = t.sums + (panel - first_panel) * TASK_ROWS * PANEL;
            const bool whole = c->activation == LIMN_ACTIVATION_GEGLU;
            const long columns = whole ? PANEL : min_long(PANEL, c->out_channels - panel * PANEL);
            for (long row = 0; row < tiles; row += 2)
                tile_strip(row + 1 < tiles, columns, t.rows + row * MOST_SEGMENTS, MOST_SEGMENTS, segments, steps,
                           weights, sums + row * TILE * PANEL, from > 0);
            if (rest) {
                // What lies behind the last weights may be anything, and even times zero it may be no number.
                memcpy(t.last_weights, weights + steps * TILE * PANEL, sizeof(float) * rest * PANEL);
                memset(t.last_weights + rest * PANEL, 0, sizeof(float) * (TILE - rest) * PANEL);
                tile_product(tiles, columns, t.gathered + steps * TILE, GATHERED_STRIDE, 1, t.last_weights, sums, true);
            }
            if (from + segments * units == depth) finish_tile_bf16(c, first, count, panel, sums);
        }
    }
    tiles_end();
}
