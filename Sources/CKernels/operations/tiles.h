// Matrix products in AMX tiles: 16 rows of 64 bytes each, two bfloat16 (a unit) of depth to every float32 of a row.
// A tile of sums is 16 × 16; one instruction adds the products of 16 units of depth to it.
//
// Packed weights are strips of 32 columns: 16 rows of one are two tiles.
#pragma once
#include "vector.h"

enum {
    TILE = 16,            // rows, and units of depth, of a tile
    SQUARE = 2 * TILE,    // rows and columns of the sums that are held in tiles
    TILE_SIZE = TILE * TILE,
    BLOCK_UNITS = 768,    // depth between two stores of the sums, at most; a multiple of TILE
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

// Where a square of sums lies: 16 rows at a distance, the tile to the right, the tile below.
typedef struct {
    float *first;
    long stride, right, below;
} tile_sums;

// Four tiles one after the other, each a piece of its own: a cache takes them in and lets them go without conflicts.
INLINE tile_sums square_sums(float *square) { return (tile_sums){square, TILE, TILE_SIZE, 2 * TILE_SIZE}; }
// In a matrix of PANEL columns.
INLINE tile_sums panel_sums(float *first) { return (tile_sums){first, PANEL, TILE, TILE * PANEL}; }

// The sums in tiles 0 to 3: zeros, or what has been added so far.
INLINE void load_sums(bool pair, bool wide, tile_sums c, bool accumulate) {
    if (accumulate) {
        _tile_loadd(0, c.first, c.stride * 4);
        if (wide) _tile_loadd(1, c.first + c.right, c.stride * 4);
        if (pair) _tile_loadd(2, c.first + c.below, c.stride * 4);
        if (pair && wide) _tile_loadd(3, c.first + c.below + c.right, c.stride * 4);
    } else {
        _tile_zero(0);
        if (wide) _tile_zero(1);
        if (pair) _tile_zero(2);
        if (pair && wide) _tile_zero(3);
    }
}
INLINE void store_sums(bool pair, bool wide, tile_sums c) {
    _tile_stored(0, c.first, c.stride * 4);
    if (wide) _tile_stored(1, c.first + c.right, c.stride * 4);
    if (pair) _tile_stored(2, c.first + c.below, c.stride * 4);
    if (pair && wide) _tile_stored(3, c.first + c.below + c.right, c.stride * 4);
}

// A tile of b. What is read `once` before it is needed again from further away is kept from driving a out of the
// first-level cache.
#define LOAD_WEIGHTS(tile, from, stride, once) \
    do {                                       \
        if (once)                              \
            _tile_stream_loadd(tile, from, stride); \
        else                                   \
            _tile_loadd(tile, from, stride);   \
    } while (0)

// c (+)= a · b, over `segments` stretches of depth of `steps` tiles each. a holds the rows of every segment, the
// second 16 rows `next` further on; b, with b_stride floats a unit, goes on through all segments. With `pair` false,
// the second 16 rows are left out; with `wide` false, the second 16 columns.
INLINE void tile_square(bool pair, bool wide, const tile_rows *a, long next, long segments, long steps, const float *b,
                        long b_stride, bool once, tile_sums c, bool accumulate) {
    load_sums(pair, wide, c, accumulate);
    for (long segment = 0; segment < segments; segment++) {
        const tile_rows top = a[segment], bottom = pair ? a[next + segment] : top;
        const uint32_t *a0 = top.first, *a1 = bottom.first;
        const long stride0 = top.stride * 4, stride1 = bottom.stride * 4;
        for (long step = 0; step < steps; step++, a0 += TILE, a1 += TILE, b += TILE * b_stride) {
            _tile_loadd(4, a0, stride0);
            LOAD_WEIGHTS(6, b, b_stride * 4, once);
            if (pair) _tile_loadd(5, a1, stride1);
            if (wide) LOAD_WEIGHTS(7, b + TILE, b_stride * 4, once);
            _tile_dpbf16ps(0, 4, 6);
            if (wide) _tile_dpbf16ps(1, 4, 7);
            if (pair) _tile_dpbf16ps(2, 5, 6);
            if (pair && wide) _tile_dpbf16ps(3, 5, 7);
        }
    }
    store_sums(pair, wide, c);
}

// One or two rows of tiles × one or two columns of them.
INLINE void tile_part(bool pair, bool wide, const tile_rows *a, long next, long segments, long steps, const float *b,
                      long b_stride, bool once, tile_sums c, bool accumulate) {
    if (pair && wide)
        tile_square(true, true, a, next, segments, steps, b, b_stride, once, c, accumulate);
    else if (pair)
        tile_square(true, false, a, next, segments, steps, b, b_stride, once, c, accumulate);
    else if (wide)
        tile_square(false, true, a, next, segments, steps, b, b_stride, once, c, accumulate);
    else
        tile_square(false, false, a, next, segments, steps, b, b_stride, once, c, accumulate);
}

// c[16·tiles][PANEL] (+)= a · b[units][PANEL] for rows at one distance and `steps` tiles of depth.
static void tile_product(long tiles, const uint32_t *a, long stride, long steps, const float *b, float *c,
                         bool accumulate) {
    for (long row = 0; row < tiles; row += 2) {
        const uint32_t *from = a + row * TILE * stride;
        const tile_rows rows[2] = {{from, stride}, {from + TILE * stride, stride}};
        for (long column = 0; column < PANEL; column += SQUARE)
            tile_part(row + 1 < tiles, true, rows, 1, 1, steps, b + column, PANEL, false,
                      panel_sums(c + row * TILE * PANEL + column), accumulate);
    }
}

// ---- Convolution

// Where a task keeps its things.
typedef struct {
    float *sums;          // [pair of tile rows][panel of the task][PANEL / SQUARE] squares
    uint32_t *gathered;   // [TASK_ROWS][GATHERED_STRIDE]
    float *last_weights;  // [panel of the task][PANEL / SQUARE][TILE][SQUARE]
    tile_rows *rows;      // [tile row][MOST_SEGMENTS]
    const uint32_t **pointers;
    bool *has_pointers;   // [tile row]
} tile_convolution;

static tile_convolution tile_convolution_lay_out(void *scratch, long panels) {
    tile_convolution t;
    t.sums = scratch;
    t.gathered = (uint32_t *)(t.sums + panels * TASK_ROWS * PANEL);
    t.last_weights = (float *)(t.gathered + TASK_ROWS * GATHERED_STRIDE);
    t.rows = (tile_rows *)(t.last_weights + panels * TILE * PANEL);
    t.has_pointers = (bool *)(t.rows + TILE_ROWS * MOST_SEGMENTS);
    t.pointers = (const uint32_t **)(t.has_pointers + TILE_ROWS);
    return t;
}

// Without the pointers, which every set has.
static size_t tile_convolution_scratch(const limn_convolution *c) {
    const long panels = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART).panels_per_task;
    return sizeof(float) * (TASK_ROWS * (panels * PANEL + GATHERED_STRIDE) + panels * TILE * PANEL)
        + sizeof(tile_rows) * TILE_ROWS * MOST_SEGMENTS + sizeof(bool) * TILE_ROWS;
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

// The 16 input pixels that a tap meets for 16 output pixels, if they lie at one distance: in one line of the picture,
// none of them outside of it, or anywhere if the tap is the only one.
static bool find_line(const limn_convolution *c, long row, long tap, tile_rows *found) {
    const long units = units_bf16(c->channels[0]);
    const bool resized = c->resized_height != c->in_height || c->resized_width != c->in_width;
    if (resized) return false;
    long at = row;
    const bool same = c->kernel_height * c->kernel_width * c->stride == 1 && c->out_height == c->in_height
        && c->out_width == c->in_width && c->pad_top == 0 && c->pad_left == 0;
    if (!same) {
        const long x = row % c->out_width, line = row / c->out_width;
        const long in_x = x * c->stride - c->pad_left + tap % c->kernel_width;
        const long in_y = line % c->out_height * c->stride - c->pad_top + tap / c->kernel_width;
        if (x + TILE > c->out_width || in_y < 0 || in_y >= c->in_height || in_x < 0
            || in_x + (TILE - 1) * c->stride >= c->in_width)
            return false;
        at = (line / c->out_height * c->in_height + in_y) * c->in_width + in_x;
    }
    *found = (tile_rows){(const uint32_t *)c->source[0] + at * units, c->stride * units};
    return true;
}

// Rows of one tap and tile, copied together from unit `offset` on.
static tile_rows copy_rows(const uint32_t *const *pointers, long rows, long offset, long units, uint32_t *gathered) {
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
static void next_block(const limn_convolution *c, const tile_convolution *t, long first, long count, long from,
                       long *segments, long *units) {
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
    if (parts == 1) {
        // Blocks of about the same number of taps.
        const long blocks = ceil_div(taps, BLOCK_UNITS / in);
        *segments = min_long(ceil_div(taps, blocks), taps - tap);
    }
    for (long row = 0; row < count; row += TILE) {
        const long rows = min_long(TILE, count - row);
        for (long s = 0; s < *segments; s++) {
            tile_rows *found = &t->rows[row / TILE * MOST_SEGMENTS + s];
            if (rows == TILE && find_line(c, first + row, tap + s, found)) {
                found->first += offset;
                continue;
            }
            if (!t->has_pointers[row / TILE]) gather_pointers_bf16(c, first + row, rows, t->pointers + row);
            t->has_pointers[row / TILE] = true;
            *found = copy_rows(t->pointers + (tap + s) * 2 * TASK_ROWS + row, rows, offset, *units,
                               t->gathered + row * GATHERED_STRIDE + s * *units);
        }
    }
}

// What lies behind the last weights of a strip may be anything, and even times zero it may be no number: the last
// `rest` units of every strip, filled up to a tile with zeros.
static void copy_last_weights(const tile_convolution *t, const float *strips, long count, long depth, long rest) {
    for (long strip = 0; strip < count; strip++) {
        float *to = t->last_weights + strip * TILE * SQUARE;
        memcpy(to, strips + ((strip + 1) * depth - rest) * SQUARE, sizeof(float) * rest * SQUARE);
        memset(to + rest * SQUARE, 0, sizeof(float) * (TILE - rest) * SQUARE);
    }
}

// A pair of tile rows goes through all columns while it is in the first-level cache (the taps of a convolution share
// most of their pixels); the weights of the block stay in the second-level one for all pairs.
static void convolution_task_bf16(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART);
    const long block = task % cut.row_blocks, first_panel = task / cut.row_blocks * cut.panels_per_task;
    const long first = block_start(&cut, block), count = block_rows(&cut, block), tiles = ceil_div(count, TILE);
    const long panels = min_long(cut.panels_per_task, cut.panels - first_panel);
    const long depth = c->kernel_height * c->kernel_width * units_bf16(c->channels[0]);
    const float *weights = (const float *)c->weights + first_panel * depth * PANEL;
    const tile_convolution t = tile_convolution_lay_out(scratch, cut.panels_per_task);
    memset(t.has_pointers, 0, sizeof(bool) * TILE_ROWS);
    if (units_bf16(c->channels[0]) % TILE != 0) gather_pointers_bf16(c, first, count, t.pointers);
    tiles_begin();
    for (long from = 0, segments, units; from < depth; from += segments * units) {
        next_block(c, &t, first, count, from, &segments, &units);
        const long steps = units / TILE, rest = units % TILE;
        const bool last = from + segments * units == depth;
        if (rest) copy_last_weights(&t, weights, panels * (PANEL / SQUARE), depth, rest);
        for (long row = 0; row < tiles; row += 2) {
            const bool pair = row + 1 < tiles;
            const uint32_t *gathered = t.gathered + row * TILE * GATHERED_STRIDE + steps * TILE;
            const tile_rows rest_rows[2] = {{gathered, GATHERED_STRIDE},
                                            {gathered + TILE * GATHERED_STRIDE, GATHERED_STRIDE}};
            float *sums = t.sums + row / 2 * panels * SQUARE * PANEL;
            for (long p = 0; p < panels; p++, sums += SQUARE * PANEL) {
                const bool gated = c->activation == LIMN_ACTIVATION_GEGLU;
                const long columns = gated ? PANEL : min_long(PANEL, c->out_channels - (first_panel + p) * PANEL);
                for (long column = 0; column < columns; column += SQUARE) {
                    const long strip = p * (PANEL / SQUARE) + column / SQUARE;
                    const bool wide = column + TILE < columns;
                    const tile_sums square = square_sums(sums + column * SQUARE);
                    tile_part(pair, wide, t.rows + row * MOST_SEGMENTS, MOST_SEGMENTS, segments, steps,
                              weights + (strip * depth + from) * SQUARE, SQUARE, true, square, from > 0);
                    if (rest)
                        tile_part(pair, wide, rest_rows, 1, 1, 1, t.last_weights + strip * TILE * SQUARE, SQUARE,
                                  false, square, true);
                }
                if (last)
                    finish_tile_bf16(c, first + row * TILE, min_long(SQUARE, count - row * TILE), first_panel + p,
                                     sums);
            }
        }
    }
    tiles_end();
}
