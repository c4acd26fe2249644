// 3×3 convolution of stride 1 by Winograd's minimal filtering (Lavin and Gray 2016): a tile of output pixels is the
// inverse transform of products of transformed inputs with transformed weights, 36 products for 4×4 outputs instead
// of 144, 16 for 2×2 instead of 36. Included once for each element, like convolution.h; `tile`, the side of an output
// tile, is a constant wherever these are called.
//
// F(4×4) interpolates at 0, ±√½, ±√2 and ∞: half the error of the customary ±1 and ±2.

#ifndef WINOGRAD_TRANSFORMS
#define WINOGRAD_TRANSFORMS
#define ROOT_HALF 0.70710678f
#define ROOT_TWO 1.41421356f

// Bᵀd, in place.
INLINE void transform_input(const int tile, vf *d) {
    if (tile == 2) {
        const vf v0 = d[0] - d[2], v1 = d[1] + d[2], v2 = d[2] - d[1], v3 = d[3] - d[1];
        d[0] = v0, d[1] = v1, d[2] = v2, d[3] = v3;
        return;
    }
    const vf even = d[4] - 2.0f * d[2], odd = d[3] - 2.0f * d[1];
    const vf even_wide = d[4] - 0.5f * d[2], odd_wide = d[3] - 0.5f * d[1];
    d[0] = d[0] - 2.5f * d[2] + d[4];
    d[5] = d[1] - 2.5f * d[3] + d[5];
    d[1] = even + ROOT_HALF * odd;
    d[2] = even - ROOT_HALF * odd;
    d[3] = even_wide + ROOT_TWO * odd_wide;
    d[4] = even_wide - ROOT_TWO * odd_wide;
}

// Aᵀm: tile + 2 values become `tile`.
INLINE void transform_output(const int tile, const vf *m, vf *y) {
    if (tile == 2) {
        y[0] = m[0] + m[1] + m[2];
        y[1] = m[1] - m[2] + m[3];
        return;
    }
    const vf sum = m[1] + m[2], difference = m[1] - m[2];
    const vf wide_sum = m[3] + m[4], wide_difference = m[3] - m[4];
    y[0] = m[0] + sum + wide_sum;
    y[1] = ROOT_HALF * difference + ROOT_TWO * wide_difference;
    y[2] = 0.5f * sum + 2.0f * wide_sum;
    y[3] = 0.5f * ROOT_HALF * difference + 2.0f * ROOT_TWO * wide_difference + m[5];
}
#endif

#ifdef PRODUCT_BF16
INLINE vf TYPED(load_values)(const VALUE *p, long part) {
    vh values = {};
    memcpy(&values, p, sizeof(VALUE) * part);
    return (vf)(__builtin_convertvector(values, vu) << 16);
}
INLINE void TYPED(store_values)(VALUE *p, vf v, long part) { store_bf16_part(p, v, part); }
#else
INLINE vf TYPED(load_values)(const VALUE *p, long part) { return load_part(p, part); }
INLINE void TYPED(store_values)(VALUE *p, vf v, long part) { store_part(p, v, part); }
#endif

// Where one tile of output lies, and the pixels of input that it is made of.
static void TYPED(winograd_pixels)(const limn_convolution *c, const winograd_cut *cut, long index, int source,
                                   const VALUE **pixels) {
    const long side = cut->tile + 2, b = index / cut->tiles_per_picture, at = index % cut->tiles_per_picture;
    const long y0 = at / cut->across * cut->tile - c->pad_top, x0 = at % cut->across * cut->tile - c->pad_left;
    const VALUE *picture = (const VALUE *)c->source[source];
    const long stride = TYPED(units)(c->channels[source]) * UNIT_VALUES;
    for (long i = 0; i < side; i++)
        for (long j = 0; j < side; j++) {
            long y = y0 + i, x = x0 + j;
            const bool inside = y >= 0 && y < c->resized_height && x >= 0 && x < c->resized_width;
            if (c->resized_height != c->in_height) y = y * c->in_height / c->resized_height;
            if (c->resized_width != c->in_width) x = x * c->in_width / c->resized_width;
            pixels[i * side + j] =
                inside ? picture + ((b * c->in_height + y) * c->in_width + x) * stride : (const VALUE *)limn_zeros;
        }
}

// Values [first, first + LANES) of every pixel, transformed, go to the same place in every plane.
INLINE void TYPED(winograd_input_lanes)(const int tile, const VALUE *const *pixels, long first, long part, VALUE *to,
                                        long plane) {
    const int side = tile + 2;
    vf half[6][6], d[6];
#pragma clang loop unroll(full)
    for (int j = 0; j < side; j++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < side; i++) d[i] = TYPED(load_values)(pixels[i * side + j] + first, part);
        transform_input(tile, d);
#pragma clang loop unroll(full)
        for (int i = 0; i < side; i++) half[i][j] = d[i];
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < side; i++) {
        transform_input(tile, half[i]);
#pragma clang loop unroll(full)
        for (int j = 0; j < side; j++) TYPED(store_values)(to + (i * side + j) * plane, half[i][j], part);
    }
}

INLINE void TYPED(winograd_input)(const int tile, const VALUE *const *pixels, long first, long count, VALUE *to,
                                  long plane) {
    long v = 0;
    for (; v + LANES <= count; v += LANES)
        TYPED(winograd_input_lanes)(tile, pixels, first + v, LANES, to + v, plane);
    if (v < count) TYPED(winograd_input_lanes)(tile, pixels, first + v, count - v, to + v, plane);
}

// The finished pixels of one tile and panel, row by row, through the epilogue of every convolution.
INLINE void TYPED(winograd_output)(const int tile, const limn_convolution *c, const winograd_cut *cut, long index,
                                   long panel, const float *products) {
    const int side = tile + 2;
    float pixels[tile * tile * PANEL];
    for (int n = 0; n < PANEL; n += LANES) {
        vf half[4][6], m[6], y[4];
#pragma clang loop unroll(full)
        for (int j = 0; j < side; j++) {
#pragma clang loop unroll(full)
            for (int i = 0; i < side; i++) m[i] = load(products + (i * side + j) * cut->product_plane + n);
            transform_output(tile, m, y);
#pragma clang loop unroll(full)
            for (int i = 0; i < tile; i++) half[i][j] = y[i];
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < tile; i++) {
            transform_output(tile, half[i], y);
#pragma clang loop unroll(full)
            for (int j = 0; j < tile; j++) store(pixels + (i * tile + j) * PANEL + n, y[j]);
        }
    }
    const long b = index / cut->tiles_per_picture, at = index % cut->tiles_per_picture;
    const long y0 = at / cut->across * tile, x0 = at % cut->across * tile;
    const long rows = min_long(tile, c->out_height - y0), columns = min_long(tile, c->out_width - x0);
    for (long i = 0; i < rows; i++)
        TYPED(finish_tile)(c, (b * c->out_height + y0 + i) * c->out_width + x0, columns, panel,
                           pixels + i * tile * PANEL);
}

// One block of tiles × one group of panels. Inputs are transformed a block of channels at a time, so that they stay
// in cache until the last panel; point by point, the weights then stream through once.
INLINE void TYPED(winograd_tiles)(const int tile, const limn_convolution *c, long task, void *scratch) {
    const winograd_cut cut = limn_winograd_cut(c, PANEL, PICTURES_APART);
    const long block = task % cut.tile_blocks, group = task / cut.tile_blocks;
    const long before = block % cut.blocks_together * cut.tiles_per_task;
    const long first = block / cut.blocks_together * cut.tiles_together + before;
    const long count = min_long(cut.tiles_per_task, cut.tiles_together - before);
    const long first_panel = group * cut.panels / cut.panel_groups;
    const long last_panel = (group + 1) * cut.panels / cut.panel_groups;
    const int points = (tile + 2) * (tile + 2);
    const long in = TYPED(units)(c->channels[0]) + TYPED(units)(c->channels[1]);

    UNIT *inputs = scratch;
    float *products = (float *)scratch + points * cut.input_plane;
    const UNIT **rows = (const UNIT **)(products + cut.panels_per_task * points * cut.product_plane);
    for (long t = 0; t < count; t++) rows[t] = inputs + t * cut.units_per_block;

    long done = 0;  // units of the depth
    for (int source = 0; source < 2; source++) {
        const long units = TYPED(units)(c->channels[source]);
        for (long unit = 0; unit < units; unit += cut.units_per_block) {
            const long depth = min_long(cut.units_per_block, units - unit);
            for (long t = 0; t < count; t++) {
                const VALUE *pixels[36];
                TYPED(winograd_pixels)(c, &cut, first + t, source, pixels);
                TYPED(winograd_input)(tile, pixels, unit * UNIT_VALUES, depth * UNIT_VALUES,
                                      (VALUE *)(inputs + t * cut.units_per_block), cut.input_plane * UNIT_VALUES);
            }
            for (long point = 0; point < points; point++)
                for (long panel = first_panel; panel < last_panel; panel++) {
                    const float *weights = (const float *)c->weights + ((panel * points + point) * in + done) * PANEL;
                    float *sums = products + ((panel - first_panel) * points + point) * cut.product_plane;
                    TYPED(product)(count, rows, point * cut.input_plane, depth, weights, sums, done > 0);
                }
            done += depth;
        }
    }
    for (long panel = first_panel; panel < last_panel; panel++)
        for (long t = 0; t < count; t++)
            TYPED(winograd_output)(tile, c, &cut, first + t, panel,
                                   products + (panel - first_panel) * points * cut.product_plane + t * PANEL);
}

static void TYPED(winograd_task)(const limn_convolution *c, long task, void *scratch) {
    if (c->algorithm == LIMN_WINOGRAD_4) TYPED(winograd_tiles)(4, c, task, scratch);
    else TYPED(winograd_tiles)(2, c, task, scratch);
}
