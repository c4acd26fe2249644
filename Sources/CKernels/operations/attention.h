// Attention with the queries in the lanes: S = K·Qᵀ and Oᵀ += Vᵀ·P are both the product kernel, and the softmax
// runs down the columns without a horizontal operation. One task is PANEL queries of one head.
#pragma once
#include "product.h"

typedef struct {
    float *query;          // [dim][PANEL], scaled by log2(e)·scale so that softmax is 2^x
    float *output;         // [dim][PANEL]
    float *scores;         // [KEYS_PER_BLOCK][PANEL]
    float *largest, *sum;  // [PANEL]: the running softmax
    const float **rows;
} attention_tiles;

static attention_tiles attention_lay_out(void *scratch, long dim) {
    attention_tiles t;
    t.query = scratch;
    t.output = t.query + dim * PANEL;
    t.scores = t.output + dim * PANEL;
    t.largest = t.scores + KEYS_PER_BLOCK * PANEL;
    t.sum = t.largest + PANEL;
    t.rows = (const float **)(t.sum + PANEL);
    return t;
}

// Turns a block of scores into weights 2^(s - max) and brings the sums so far to the new maximum.
static void update_softmax(const attention_tiles *t, long keys, long dim) {
    for (long j = 0; j < PANEL; j += LANES) {
        const vf before = load(t->largest + j);
        vf largest = before;
        for (long k = 0; k < keys; k++) largest = maximum(largest, load(t->scores + k * PANEL + j));
        const vf shrink = exponential2(before - largest);
        vf sum = load(t->sum + j) * shrink;
        for (long k = 0; k < keys; k++) {
            const vf weight = exponential2(load(t->scores + k * PANEL + j) - largest);
            sum += weight;
            store(t->scores + k * PANEL + j, weight);
        }
        store(t->largest + j, largest);
        store(t->sum + j, sum);
        for (long d = 0; d < dim; d++) store(t->output + d * PANEL + j, load(t->output + d * PANEL + j) * shrink);
    }
}

static void attention_task(const limn_attention *a, long task, void *scratch) {
    const long blocks = ceil_div(a->queries, PANEL);
    const long head = task / blocks % a->heads, b = task / blocks / a->heads;
    const long first = task % blocks * PANEL, count = min_long(PANEL, a->queries - first);
    const long dim = a->dim;
    const attention_tiles t = attention_lay_out(scratch, dim);

    const float *query = a->query + (b * a->queries + first) * a->query_stride + head * dim;
    const float scale = a->scale * 1.44269504f;
    memset(t.query, 0, sizeof(float) * dim * PANEL);
    for (long i = 0; i < count; i++)
        for (long d = 0; d < dim; d++) t.query[d * PANEL + i] = query[i * a->query_stride + d] * scale;
    memset(t.output, 0, sizeof(float) * dim * PANEL);
    for (long i = 0; i < PANEL; i++) t.largest[i] = -1e30f, t.sum[i] = 0;

    const float *key = a->key + b * a->keys * a->key_stride + head * dim;
    const float *values = a->values + (b * a->heads + head) * dim * a->keys;
    const long keys = a->causal ? min_long(a->keys, first + count) : a->keys;
    for (long k0 = 0; k0 < keys; k0 += KEYS_PER_BLOCK) {
        const long block = min_long(KEYS_PER_BLOCK, keys - k0);
        for (long k = 0; k < block; k++) t.rows[k] = key + (k0 + k) * a->key_stride;
        product(block, t.rows, 0, dim, t.query, t.scores, false);
        if (a->causal)
            for (long k = 0; k < block; k++)
                for (long i = 0; i < PANEL && first + i < k0 + k; i++) t.scores[k * PANEL + i] = -1e30f;
        update_softmax(&t, block, dim);
        for (long d = 0; d < dim; d++) t.rows[d] = values + d * a->keys + k0;
        product(dim, t.rows, 0, block, t.scores, t.output, true);
    }

    for (long j = 0; j < PANEL; j += LANES) store(t.sum + j, 1.0f / load(t.sum + j));
    float *output = a->output + (b * a->queries + first) * a->heads * dim + head * dim;
    for (long i = 0; i < count; i++)
        for (long d = 0; d < dim; d++) output[i * a->heads * dim + d] = t.output[d * PANEL + i] * t.sum[i];
}
