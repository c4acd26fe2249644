// Values as 8-bit integers in steps of a 127th of the largest magnitude: of a row of activations, or of the weights of
// an output.
#pragma once
#include "vector.h"

// One instruction multiplies unsigned activations with signed weights: there every activation is 128 more than it
// stands for, and 128 times the sum of the column's weights is taken from the result.
#if defined(HAS_TILES)
#define INT8_OFFSET 0
#else
#define INT8_OFFSET 128
#endif

// By bits, so that an infinity is larger than any number and a NaN larger still.
INLINE vf larger_magnitude(vf magnitude, vf x) {
    const vu a = (vu)magnitude, b = (vu)x & 0x7fffffff;
    return (vf)(a > b ? a : b);
}
// Steps in a value of one. Next to nothing counts as nothing, for its inverse would overflow; what is not finite has
// a scale that is not, and its steps do not matter.
INLINE vf inverse_step(vf largest) { return largest > 1e-30f ? 127.0f / largest : 0.0f; }
// Limits even a NaN.
INLINE vi to_steps(vf x) {
    return __builtin_convertvector(round_near(minimum(maximum(x, splat(-127.0f)), splat(127.0f))), vi);
}

// A panel of the packed form, read twice: a column's scale is known only after its last weight.
static void pack_int8(const limn_weight *w, const weight_row rows[PANEL], void *packed, long panel, float *columns) {
    const long units = packed_units(LIMN_INT8, w->in), block = packing_block(w);
    float *to = (float *)packed + panel * (units + 2) * PANEL, *scales = to + units * PANEL;
    vf largest[PANEL / LANES] = {};
    vi sums[PANEL / LANES] = {};
    for (long i = 0; i < w->in; i += block) {
        const long count = min_long(block, w->in - i);
        gather_columns(rows, i, count, columns);
        for (long j = 0; j < count; j++)
            for (int n = 0; n < PANEL / LANES; n++)
                largest[n] = larger_magnitude(largest[n], load(columns + j * PANEL + n * LANES));
    }
    memset(to, 0, sizeof(float) * units * PANEL);
    for (long i = 0; i < w->in; i += block) {
        const long count = min_long(block, w->in - i);
        gather_columns(rows, i, count, columns);
        for (long j = 0; j < count; j++)
            for (int n = 0; n < PANEL / LANES; n++) {
                float *unit = to + (i + j) / 4 * PANEL + n * LANES;
                const vi steps = to_steps(load(columns + j * PANEL + n * LANES) * inverse_step(largest[n]));
                store(unit, (vf)((vu)load(unit) | ((vu)steps & 255) << (uint32_t)((i + j) % 4 * 8)));
                sums[n] += steps;
            }
    }
    for (int n = 0; n < PANEL / LANES; n++) {
        store(scales + n * LANES, largest[n] * (1 / 127.0f));
        store(scales + PANEL + n * LANES, (vf)(sums[n] * INT8_OFFSET));
    }
}

static void rows_to_int8(limn_element element, const void *x, long channels, long first, long last, uint8_t *output,
                         float *scales) {
    const limn_stored stored = element == LIMN_BF16 ? LIMN_STORED_BF16 : LIMN_STORED_F32;
    const long from_stride = ceil_div(channels, unit_values(element)) * 4;
    const long to_stride = ceil_div(channels, LIMN_INT8_ROW) * LIMN_INT8_ROW;
    const long whole = channels / LANES * LANES, part = channels - whole;
    for (long row = first; row < last; row++) {
        const void *from = (const char *)x + row * from_stride;
        uint8_t *to = output + row * to_stride;
        vf largest = {};
        for (long c = 0; c < whole; c += LANES) largest = larger_magnitude(largest, load_stored(stored, from, c));
        if (part) largest = larger_magnitude(largest, load_stored_part(stored, from, whole, part));
        const vf peak = (vf)(__builtin_reduce_max((vu)largest) + (vu){});
        const vf inverse = inverse_step(peak);
        for (long c = 0; c < whole; c += LANES) {
            const vi steps = to_steps(load_stored(stored, from, c) * inverse) + INT8_OFFSET;
            const vb bytes = __builtin_convertvector((vu)steps, vb);
            memcpy(to + c, &bytes, LANES);
        }
        const vi steps = to_steps(load_stored_part(stored, from, whole, part) * inverse) + INT8_OFFSET;
        const vb bytes = __builtin_convertvector((vu)steps, vb);
        memcpy(to + whole, &bytes, part);
        memset(to + channels, 0, to_stride - channels);  // multiplied by weights of zero
        scales[row] = peak[0] * (1 / 127.0f);
    }
}
