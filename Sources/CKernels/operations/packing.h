// Packing of weights straight from their stored form, a panel at a time: blocks of the panel's rows are converted to
// float32 columns in scratch memory that stays in cache, and written from there in the order that the product reads.
#pragma once
#include "vector.h"

typedef uint16_t vh_anywhere __attribute__((vector_size(2 * LANES), aligned(1), may_alias));
typedef float vf_anywhere __attribute__((vector_size(4 * LANES), aligned(1), may_alias));

// Half to single precision by bits. Subnormal halves, whose value is their integer times 2^-24, go their own way:
// shifted into place they would be subnormal floats, on which a multiplication takes a hundred times as long.
INLINE vf from_f16(vh halves) {
    const vu h = __builtin_convertvector(halves, vu), magnitude = h & 0x7fff;
    const vu normal = (magnitude << 13) + (112 << 23);
    const vu subnormal = (vu)(__builtin_convertvector((vi)magnitude, vf) * 0x1p-24f);
    const vu is_small = (vu)(magnitude < 0x400), is_special = (vu)(magnitude >= 0x7c00);
    return (vf)((subnormal & is_small) | (normal & ~is_small) | (is_special & 0x7f800000) | (h & 0x8000) << 16);
}

// Values i… of an array in its stored form, which may lie at any address.
INLINE vf load_stored(limn_stored stored, const void *p, long i) {
    switch (stored) {
        case LIMN_STORED_F16: return from_f16(*(const vh_anywhere *)((const char *)p + 2 * i));
        case LIMN_STORED_BF16:
            return (vf)(__builtin_convertvector(*(const vh_anywhere *)((const char *)p + 2 * i), vu) << 16);
        default: return *(const vf_anywhere *)((const char *)p + 4 * i);
    }
}
// The first `count` of them, the others zero.
INLINE vf load_stored_part(limn_stored stored, const void *p, long i, long count) {
    const long bytes = stored_bytes(stored);
    vf last = {};
    memcpy(&last, (const char *)p + bytes * i, bytes * count);
    return load_stored(stored, &last, 0);
}

static void stored_to_f32(limn_stored stored, const void *x, long count, float *output) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) store(output + i, load_stored(stored, x, i));
    if (i < count) store_part(output + i, load_stored_part(stored, x, i, count - i), count - i);
}

#if LANES == 16
#define INTERLEAVE_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define INTERLEAVE_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define INTERLEAVE_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define INTERLEAVE_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define INTERLEAVE_LOW 0, 4, 1, 5
#define INTERLEAVE_HIGH 2, 6, 3, 7
#endif

// Interleaving each row with the one half the square away, as often as the square halves, leaves it transposed.
INLINE void transpose_square(vf square[LANES]) {
#pragma clang loop unroll(full)
    for (int half = 1; half < LANES; half *= 2) {
        vf next[LANES];
#pragma clang loop unroll(full)
        for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = __builtin_shufflevector(square[i], square[i + LANES / 2], INTERLEAVE_LOW);
            next[2 * i + 1] = __builtin_shufflevector(square[i], square[i + LANES / 2], INTERLEAVE_HIGH);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < LANES; i++) square[i] = next[i];
    }
}

// The row behind each column of a panel.
typedef struct {
    const void *values;  // NULL past the last output
    limn_stored stored;
} weight_row;

static weight_row find_row(const limn_weight *w, long panel, long column) {
    const long outputs = panel_outputs(PANEL, w->activation), output = panel * outputs + column % outputs;
    if (output >= w->out) return (weight_row){};
    const long row = column / outputs * w->out + output;  // the second half of a panel of GEGLU are its gates
    const long part = row / w->part_rows;
    const limn_stored stored = w->stored[part];
    const size_t offset = (size_t)(row % w->part_rows) * w->in * w->taps * stored_bytes(stored);
    return (weight_row){(const char *)w->parts[part] + offset, stored};
}

// Values [first, first + count) of each of the panel's rows as [value][PANEL].
static void gather_columns(const weight_row rows[PANEL], long first, long count, float *columns) {
    for (long n = 0; n < PANEL; n += LANES)
        for (long j = 0; j < count; j += LANES) {
            const long part = min_long(LANES, count - j);
            vf square[LANES];
            for (int i = 0; i < LANES; i++) {
                const weight_row row = rows[n + i];
                square[i] = !row.values ? (vf){}
                    : part == LANES     ? load_stored(row.stored, row.values, first + j)
                                        : load_stored_part(row.stored, row.values, first + j, part);
            }
            transpose_square(square);
            for (int i = 0; i < part; i++) store(columns + (j + i) * PANEL + n, square[i]);
        }
}

// Like pair_bf16, but NaNs, which files may hold, stay what they are.
INLINE vf pair_bf16_stored(vf low, vf high) {
    const vu a = (vu)low, b = (vu)high;
    const vu a_nan = (vu)((a & 0x7fffffff) > 0x7f800000), b_nan = (vu)((b & 0x7fffffff) > 0x7f800000);
    const vu a_bits = ((a + 0x7fff + (a >> 16 & 1)) & ~a_nan) | ((a | 64 << 16) & a_nan);
    const vu b_bits = ((b + 0x7fff + (b >> 16 & 1)) & ~b_nan) | ((b | 64 << 16) & b_nan);
    return (vf)(a_bits >> 16 | (b_bits & 0xffff0000u));
}

// Inputs [first, first + count) of a panel for the direct product: [strip][tap][unit][columns of the strip].
static void pack_direct(limn_element element, const limn_weight *w, const float *columns, long first, long count,
                        float *panel) {
    const long values = unit_values(element), units = ceil_div(w->in, values);
    const long strip = element == LIMN_BF16 ? BF16_STRIP : PANEL;
    for (long tap = 0; tap < w->taps; tap++)
        for (long i = 0; i < count; i += values) {
            float *to = panel + (tap * units + (first + i) / values) * strip;
            const float *from = columns + (i * w->taps + tap) * PANEL;
            const float *second = i + 1 < count ? from + w->taps * PANEL : limn_zeros;
            for (long n = 0; n < PANEL; n += LANES) {
                const vf v = load(from + n);
                store(to + n / strip * w->taps * units * strip + n % strip,
                      element == LIMN_F32 ? v : pair_bf16_stored(v, load(second + n)));
            }
        }
}

// A sum of the taps of one filter that meet the same pixel of the smaller picture. Doubled, the rows that the part
// `lower` of a pixel meets are its neighbour's and twice its own; the parts' taps are 0 | 1 + 2 and 0 + 1 | 2.
INLINE vf subpixel_tap(const float *taps, long part, long tap) {
    const long lower = part / 2, right = part % 2, below = tap / 2, beside = tap % 2;
    const long top = below * (1 + lower), left = beside * (1 + right);
    const long rows = 1 + (below != lower), columns = 1 + (beside != right);
    vf sum = {};
    for (long y = top; y < top + rows; y++)
        for (long x = left; x < left + columns; x++) sum += load(taps + (y * 3 + x) * PANEL);
    return sum;
}

// Inputs [first, first + count) of a panel of each of the four parts: the columns become those of four taps.
static void pack_subpixel(limn_element element, const limn_weight *w, const float *columns, long first, long count,
                          float *panel, long part_size, float *taps) {
    limn_weight small = *w;
    small.taps = 4;
    for (long part = 0; part < 4; part++) {
        for (long i = 0; i < count; i++)
            for (long tap = 0; tap < 4; tap++)
                for (long n = 0; n < PANEL; n += LANES)
                    store(taps + (i * 4 + tap) * PANEL + n, subpixel_tap(columns + i * 9 * PANEL + n, part, tap));
        pack_direct(element, &small, taps, first, count, panel + part * part_size);
    }
}

#include "winograd_packing.h"
#include "integers.h"

static void pack_task(limn_element element, const limn_weight *w, void *packed, long panel, void *scratch) {
    weight_row rows[PANEL];
    for (long n = 0; n < PANEL; n++) rows[n] = find_row(w, panel, n);
    if (element == LIMN_INT8) return pack_int8(w, rows, packed, panel, scratch);
    const long units = ceil_div(w->in, unit_values(element));
    const bool subpixel = w->algorithm == LIMN_SUBPIXEL;
    const long points = subpixel ? 4 : limn_algorithm_points(w->algorithm, w->taps);
    const long part_size = ceil_div(w->out, PANEL) * points * units * PANEL;
    float *to = (float *)packed + panel * points * units * PANEL;
    const long block = packing_block(w);
    for (long i = 0; i < w->in; i += block) {
        const long count = min_long(block, w->in - i);
        gather_columns(rows, i * w->taps, count * w->taps, scratch);
        if (w->algorithm == LIMN_DIRECT)
            pack_direct(element, w, scratch, i, count, to);
        else if (subpixel)
            pack_subpixel(element, w, scratch, i, count, to, part_size, (float *)scratch + block * w->taps * PANEL);
        else
            pack_winograd(element, w, scratch, i, count, to);
    }
}
