// Attention through AMX tiles, laid out as in attention.h: the queries in the lanes, S = K·Qᵀ and Oᵀ += Vᵀ·P.
// The products are nearly free here, so the softmax is what is kept short.
#pragma once
#include "tiles.h"

typedef struct {
    float *query;          // [panel][depth of the head][PANEL]: units of two bfloat16, scaled by log2(e)·scale
    float *output;         // [panel][rows of the head][PANEL]
    float *scores;         // [KEYS_PER_BLOCK][PANEL]; the weights take the first half of it
    float *largest, *sum;  // [panel][PANEL]
    uint32_t *keys;        // [KEYS_PER_BLOCK][depth + TILE]
    uint32_t *values;      // [rows][KEYS_PER_BLOCK / 2 + TILE]
    long depth, rows;      // of a head, in whole tiles
} tile_attention;

enum { VALUES_STRIDE = KEYS_PER_BLOCK / 2 + TILE };

static tile_attention tile_attention_lay_out(void *scratch, long dim) {
    tile_attention t;
    t.depth = ceil_div(dim / 2, TILE) * TILE;
    t.rows = ceil_div(dim, TILE) * TILE;
    t.query = scratch;
    t.output = t.query + QUERY_PANELS * t.depth * PANEL;
    t.scores = t.output + QUERY_PANELS * t.rows * PANEL;
    t.largest = t.scores + KEYS_PER_BLOCK * PANEL;
    t.sum = t.largest + QUERY_PANELS * PANEL;
    t.keys = (uint32_t *)(t.sum + QUERY_PANELS * PANEL);
    t.values = t.keys + KEYS_PER_BLOCK * (t.depth + TILE);
    return t;
}

static size_t tile_attention_scratch(const limn_attention *a) {
    const long depth = ceil_div(a->dim / 2, TILE) * TILE, rows = ceil_div(a->dim, TILE) * TILE;
    const size_t panels = QUERY_PANELS * (depth + rows + 2) + KEYS_PER_BLOCK;
    return sizeof(float) * (panels * PANEL + KEYS_PER_BLOCK * (depth + TILE) + rows * VALUES_STRIDE);
}

// Two rows as units of two bfloat16, rounded half up, which is enough for weights between 0 and 2^8.
INLINE vf pair_weights(vf low, vf high) {
    return (vf)((((vu)low + 0x8000) >> 16) | (((vu)high + 0x8000) & 0xffff0000u));
}

// Transposes `count` queries into units [depth][PANEL] and scales them; missing ones are zero.
static void take_queries(const uint16_t *query, long stride, long count, long units, long depth, float scale,
                         float *out) {
    uint32_t *to = (uint32_t *)out;
    memset(to, 0, sizeof(float) * depth * PANEL);
    for (long i = 0; i < count; i++)
        for (long u = 0; u < units; u++) memcpy(to + u * PANEL + i, query + i * stride + 2 * u, 4);
    for (long j = 0; j < units * PANEL; j += LANES) {
        const vu pair = (vu)load(out + j);
        store(out + j, pair_bf16((vf)(pair << 16) * scale, (vf)(pair & 0xffff0000u) * scale));
    }
}

// Rows of `units` units from `stride` to `to_stride`, filled with zeros to `filled` units and `filled_rows` rows.
static void take_rows(const uint16_t *from, long stride, long rows, long units, uint32_t *to, long to_stride,
                      long filled_rows, long filled) {
    for (long row = 0; row < filled_rows; row++) {
        uint32_t *out = to + row * to_stride;
        long u = 0;
        if (row < rows) {
            for (; u + LANES <= units; u += LANES)
                store((float *)out + u, load((const float *)(from + row * stride + 2 * u)));
            if (u < units) memcpy(out + u, from + row * stride + 2 * u, sizeof *out * (units - u)), u = units;
        }
        for (; u < filled; u++) out[u] = 0;
    }
}

// Scores to weights 2^(s − largest) in place, as units of two keys, zeros up to a whole tile of depth. The maximum
// that is subtracted is only moved (and the sums so far brought to it) when it has grown by more than 8: the weights
// may as well be up to 2^8.
static void update_tile_softmax(const tile_attention *t, long panel, long keys, bool first) {
    const long units = (keys + 1) / 2, filled = ceil_div(units, TILE) * TILE;
    if (keys % 2)
        for (long j = 0; j < PANEL; j++) t->scores[keys * PANEL + j] = -1e30f;
    for (long j = 0; j < PANEL; j += LANES) {
        const float *scores = t->scores + j;
        float *largest = t->largest + panel * PANEL + j, *sum = t->sum + panel * PANEL + j;
        vf most[4] = {load(scores), load(scores), load(scores), load(scores)};
        long k = 0;
        for (; k + 4 <= keys; k += 4)
            for (long i = 0; i < 4; i++) most[i] = maximum(most[i], load(scores + (k + i) * PANEL));
        for (; k < keys; k++) most[0] = maximum(most[0], load(scores + k * PANEL));
        const vf found = maximum(maximum(most[0], most[1]), maximum(most[2], most[3]));
        vf reference = first ? found : load(largest);
        if (!first && any_greater(found, reference + 8.0f)) {
            const vf moved = maximum(found, reference), shrink = exponential2(reference - moved);
            reference = moved;
            store(sum, load(sum) * shrink);
            float *output = t->output + panel * t->rows * PANEL + j;
            for (long d = 0; d < t->rows; d++) store(output + d * PANEL, load(output + d * PANEL) * shrink);
        }
        store(largest, reference);
        vf sums[2] = {};
        float *to = t->scores + j;
        for (long u = 0; u < units; u++) {
            const vf even = exponential2_coarse(load(scores + 2 * u * PANEL) - reference);
            const vf odd = exponential2_coarse(load(scores + (2 * u + 1) * PANEL) - reference);
            sums[0] += even, sums[1] += odd;
            store(to + u * PANEL, pair_weights(even, odd));
        }
        for (long u = units; u < filled; u++) store(to + u * PANEL, (vf){});
        store(sum, (first ? (vf){} : load(sum)) + (sums[0] + sums[1]));
    }
}

// Divides by the sums and transposes back, two dimensions at a time.
static void write_attention(const tile_attention *t, long panel, long count, long dim, uint16_t *output, long stride) {
    float *o = t->output + panel * t->rows * PANEL;
    for (long j = 0; j < PANEL; j += LANES) {
        const vf inverse = 1.0f / load(t->sum + panel * PANEL + j);
        for (long d = 0; d < dim; d += 2)
            store(o + d / 2 * PANEL + j,
                  pair_bf16(load(o + d * PANEL + j) * inverse, load(o + (d + 1) * PANEL + j) * inverse));
    }
    for (long i = 0; i < count; i++)
        for (long u = 0; u < dim / 2; u++) memcpy(output + i * stride + 2 * u, o + u * PANEL + i, 4);
}

static void attention_task_bf16(const limn_attention *a, long task, void *scratch) {
    const long blocks = ceil_div(a->queries, QUERY_PANELS * PANEL);
    const long head = task / blocks % a->heads, b = task / blocks / a->heads;
    const long first = task % blocks * QUERY_PANELS * PANEL;
    const long count = min_long(QUERY_PANELS * PANEL, a->queries - first), panels = ceil_div(count, PANEL);
    const long dim = a->dim, units = dim / 2;
    const tile_attention t = tile_attention_lay_out(scratch, dim);

    const uint16_t *query = (const uint16_t *)a->query + (b * a->queries + first) * a->query_stride + head * dim;
    for (long p = 0; p < panels; p++)
        take_queries(query + p * PANEL * a->query_stride, a->query_stride, min_long(PANEL, count - p * PANEL), units,
                     t.depth, a->scale * 1.44269504f, t.query + p * t.depth * PANEL);
    const uint16_t *key = (const uint16_t *)a->key + b * a->keys * a->key_stride + head * dim;
    const long row = ceil_div(a->keys, 2) * 2;
    const uint16_t *values = (const uint16_t *)a->values + (b * a->heads + head) * dim * row;
    const long keys = a->causal ? min_long(a->keys, first + count) : a->keys;
    tiles_begin();
    for (long k0 = 0; k0 < keys; k0 += KEYS_PER_BLOCK) {
        const long block = min_long(KEYS_PER_BLOCK, keys - k0), block_rows = ceil_div(block, TILE) * TILE;
        const long block_units = (block + 1) / 2, block_depth = ceil_div(block_units, TILE) * TILE;
        take_rows(key + k0 * a->key_stride, a->key_stride, block, units, t.keys, t.depth + TILE, block_rows, t.depth);
        take_rows(values + k0, row, dim, block_units, t.values, VALUES_STRIDE, t.rows, block_depth);
        for (long p = 0; p < panels; p++) {
            tile_product(block_rows / TILE, t.keys, t.depth + TILE, t.depth / TILE, t.query + p * t.depth * PANEL,
                         t.scores, false);
            if (a->bias || a->key_bias) add_attention_bias(a, b, head, first + p * PANEL, k0, block, t.scores);
            if (a->causal)
                for (long k = 0; k < block; k++)
                    for (long i = 0; i < PANEL && first + p * PANEL + i < k0 + k; i++) t.scores[k * PANEL + i] = -1e30f;
            update_tile_softmax(&t, p, block, k0 == 0);
            tile_product(t.rows / TILE, t.values, VALUES_STRIDE, block_depth / TILE, t.scores,
                         t.output + p * t.rows * PANEL, k0 > 0);
        }
    }
    tiles_end();
    uint16_t *output = (uint16_t *)a->output + (b * a->queries + first) * a->heads * dim + head * dim;
    for (long p = 0; p < panels; p++)
        write_attention(&t, p, min_long(PANEL, count - p * PANEL), dim, output + p * PANEL * a->heads * dim,
                        a->heads * dim);
}
