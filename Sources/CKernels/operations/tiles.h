// Matrix products in AMX tiles: 16 rows of 64 bytes each, two bfloat16 (a unit) of depth to every float32 of a row.
// A tile of sums is 16 × 16; one instruction adds the products of 16 units of depth to it.
//
// The packed weights are those of every other set: 16 rows of a panel are what a tile of weights wants.
#pragma once
#include "vector.h"

enum {
    TILE = 16,             // rows, and units of depth, of a tile
    TILE_STEPS = 20,       // tiles of depth between two stores of the sums: operands of 40 KB, in the first-level cache
    GATHERED_UNITS = 480,  // depth of the rows that a task of a convolution copies together at a time
    // The copied rows lie a cache line more apart, so that 16 of them do not share a set of the cache.
    GATHERED_STRIDE = GATHERED_UNITS + TILE,
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

// c[2·16][2·16] (+)= a · b over `steps` tiles of depth. Rows of a are `stride` units apart, those of c PANEL floats.
// With `pair` false, the second 16 rows are left out; with `wide` false, the second 16 columns.
INLINE void tile_square(bool pair, bool wide, const uint32_t *a, long stride, long steps, const float *b, float *c,
                        bool accumulate) {
    const uint32_t *a1 = a + TILE * stride;
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
    for (long step = 0; step < steps; step++, a += TILE, a1 += TILE, b += TILE * PANEL) {
        _tile_loadd(4, a, stride * 4);
        _tile_loadd(6, b, PANEL * 4);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) {
            _tile_loadd(7, b + TILE, PANEL * 4);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (pair) {
            _tile_loadd(5, a1, stride * 4);
            _tile_dpbf16ps(2, 5, 6);
            if (wide) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, PANEL * 4);
    if (wide) _tile_stored(1, c + TILE, PANEL * 4);
    if (pair) _tile_stored(2, c1, PANEL * 4);
    if (pair && wide) _tile_stored(3, c1 + TILE, PANEL * 4);
}

// c[rows][columns] (+)= a · b for rows in multiples of 16 and whole tiles of depth; columns are rounded up to 16.
static void tile_product(long rows, long columns, const uint32_t *a, long stride, long steps, const float *b, float *c,
                         bool accumulate) {
    for (long first = 0; first < steps; first += TILE_STEPS) {
        const long block = min_long(TILE_STEPS, steps - first);
        const bool add = accumulate || first > 0;
        for (long row = 0; row < rows; row += 2 * TILE)
            for (long column = 0; column < columns; column += 2 * TILE) {
                const uint32_t *from = a + row * stride + first * TILE;
                const float *weights = b + first * TILE * PANEL + column;
                float *to = c + row * PANEL + column;
                const bool pair = row + TILE < rows, wide = column + TILE < columns;
                if (pair && wide)
                    tile_square(true, true, from, stride, block, weights, to, add);
                else if (pair)
                    tile_square(true, false, from, stride, block, weights, to, add);
                else if (wide)
                    tile_square(false, true, from, stride, block, weights, to, add);
                else
                    tile_square(false, false, from, stride, block, weights, to, add);
            }
    }
}

// The last tile of weights of a depth that does not fill it, the rest zeros: what lies behind them in memory may be
// anything, and even times zero it may be no number.
static void fill_tile_row(const float *b, long units, float *to) {
    memcpy(to, b, sizeof(float) * units * PANEL);
    memset(to + units * PANEL, 0, sizeof(float) * (TILE - units) * PANEL);
}

// ---- Convolution

// Where a task keeps its things.
typedef struct {
    float *sums;           // [panel of the task][TASK_ROWS][PANEL]
    uint32_t *gathered;    // [TASK_ROWS][GATHERED_STRIDE]
    float *last_weights;   // [TILE][PANEL]
    const uint32_t **pointers;
} tile_convolution;

// Copies units [first, last) of the depth (taps one after the other, channels within) of every row together, and
// fills what is missing of the last tiles with zeros.
static void gather_rows(const limn_convolution *c, const tile_convolution *t, long rows, long first, long last) {
    const long in = units_bf16(c->channels[0]), filled = ceil_div(last - first, TILE) * TILE;
    for (long row = 0; row < ceil_div(rows, TILE) * TILE; row++) {
        uint32_t *to = t->gathered + row * GATHERED_STRIDE;
        long unit = row < rows ? first : last;
        while (unit < last) {
            const long tap = unit / in, offset = unit % in, count = min_long(in - offset, last - unit);
            const uint32_t *from = t->pointers[tap * 2 * TASK_ROWS + row] + offset;
            long i = 0;
            for (; i + LANES <= count; i += LANES) store((float *)to + i, load((const float *)from + i));
            for (; i < count; i++) to[i] = from[i];
            to += count, unit += count;
        }
        uint32_t *end = t->gathered + row * GATHERED_STRIDE + filled;
        while (to < end) *to++ = 0;
    }
}

static tile_convolution tile_convolution_lay_out(void *scratch, long panels) {
    tile_convolution t;
    t.sums = scratch;
    t.gathered = (uint32_t *)(t.sums + panels * TASK_ROWS * PANEL);
    t.last_weights = (float *)(t.gathered + TASK_ROWS * GATHERED_STRIDE);
    t.pointers = (const uint32_t **)(t.last_weights + TILE * PANEL);
    return t;
}

// Without the pointers, which every set has.
static size_t tile_convolution_scratch(const limn_convolution *c) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS);
    return sizeof(float) * (TASK_ROWS * (cut.panels_per_task * PANEL + GATHERED_STRIDE) + TILE * PANEL);
}

static void convolution_task_bf16(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS);
    const long first = task % cut.row_blocks * TASK_ROWS, group = task / cut.row_blocks;
    const long count = min_long(TASK_ROWS, cut.rows - first), rows = ceil_div(count, TILE) * TILE;
    const long taps = c->kernel_height * c->kernel_width, in = units_bf16(c->channels[0]), depth = taps * in;
    const long first_panel = group * cut.panels_per_task;
    const long last_panel = min_long(cut.panels, first_panel + cut.panels_per_task);
    const tile_convolution t = tile_convolution_lay_out(scratch, cut.panels_per_task);
    // A linear layer's rows already lie as the tiles want them.
    const bool direct = taps == 1 && c->stride == 1 && c->pad_top == 0 && c->pad_left == 0 && count == rows
        && in % TILE == 0 && c->resized_height == c->in_height && c->resized_width == c->in_width
        && c->out_height == c->in_height && c->out_width == c->in_width;
    if (!direct) gather_pointers_bf16(c, first, count, t.pointers);
    tiles_begin();
    const long block = direct ? depth : GATHERED_UNITS;
    for (long k = 0; k < depth; k += block) {
        const long units = min_long(block, depth - k), steps = units / TILE, rest = units % TILE;
        const uint32_t *a = (const uint32_t *)c->source[0] + first * in;
        if (!direct) gather_rows(c, &t, count, k, k + units), a = t.gathered;
        const long stride = direct ? in : GATHERED_STRIDE;
        for (long panel = first_panel; panel < last_panel; panel++) {
            const float *weights = (const float *)c->weights + (panel * depth + k) * PANEL;
            float *sums = t.sums + (panel - first_panel) * TASK_ROWS * PANEL;
            const long width = c->activation == LIMN_ACTIVATION_GEGLU ? PANEL : c->out_channels - panel * PANEL;
            const long columns = min_long(PANEL, width);
            tile_product(rows, columns, a, stride, steps, weights, sums, k > 0);
            if (rest) {
                fill_tile_row(weights + steps * TILE * PANEL, rest, t.last_weights);
                tile_product(rows, columns, a + steps * TILE, stride, 1, t.last_weights, sums, k > 0 || steps > 0);
            }
            if (k + units == depth) finish_tile_bf16(c, first, count, panel, sums);
        }
    }
    tiles_end();
}
