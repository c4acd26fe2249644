// Attention with the queries in the lanes: S = K·Qᵀ and Oᵀ += Vᵀ·P are both the product kernel, and the softmax
// runs down the columns without a horizontal operation. One task is PANEL queries of one head.
// Included once for each element, like product.h; softmax and sums are float32 in both.

#ifndef ATTENTION_TILES
#define ATTENTION_TILES
typedef struct {
    float *query;          // [dim in units][PANEL], scaled by log2(e)·scale so that softmax is 2^x
    float *output;         // [dim][PANEL]
    float *scores;         // [KEYS_PER_BLOCK][PANEL]; bfloat16 weights take the first half of it
    float *largest, *sum;  // [PANEL]: the running softmax
    const void **rows;
} attention_tiles;

static attention_tiles attention_lay_out(void *scratch, long dim) {
    attention_tiles t;
    t.query = scratch;
    t.output = t.query + dim * PANEL;
    t.scores = t.output + dim * PANEL;
    t.largest = t.scores + KEYS_PER_BLOCK * PANEL;
    t.sum = t.largest + PANEL;
    t.rows = (const void **)(t.sum + PANEL);
    return t;
}

// Adds what positions and padding are worth to the scores of `keys` keys from `k0` on and of a panel of queries.
static void add_attention_bias(const limn_attention *a, long b, long head, long first, long k0, long keys,
                               float *scores) {
    for (long k = 0; k < keys; k++) {
        const float key_bias = a->key_bias ? a->key_bias[b * a->keys + k0 + k] : 0;
        const float *bias = a->bias ? a->bias + (head * a->keys + k0 + k) * a->queries + first : NULL;
        for (long j = 0; j < PANEL; j += LANES) {
            vf score = load(scores + k * PANEL + j) + key_bias;
            const long there = bias ? min_long(LANES, a->queries - first - j) : 0;
            if (there == LANES)
                score += load(bias + j) * 1.44269504f;
            else if (there > 0)
                score += load_part(bias + j, there) * 1.44269504f;
            store(scores + k * PANEL + j, score);
        }
    }
}
#endif

// Turns a block of scores into weights 2^(s - max) and brings the sums so far to the new maximum.
static void TYPED(update_softmax)(const attention_tiles *t, long keys, long dim) {
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
#ifdef PRODUCT_BF16
        // Two keys make one unit; in place, for unit k lies where row k of the scores was.
        for (long k = 0; k < keys; k += 2) {
            const vf even = load(t->scores + k * PANEL + j);
            const vf odd = k + 1 < keys ? load(t->scores + (k + 1) * PANEL + j) : (vf){};
            store(t->scores + k / 2 * PANEL + j, pair_bf16(even, odd));
        }
#endif
        store(t->largest + j, largest);
        store(t->sum + j, sum);
        for (long d = 0; d < dim; d++) store(t->output + d * PANEL + j, load(t->output + d * PANEL + j) * shrink);
    }
}

static void TYPED(attention_task)(const limn_attention *a, long task, void *scratch) {
    const long blocks = ceil_div(a->queries, PANEL);
    const long head = task / blocks % a->heads, b = task / blocks / a->heads;
    const long first = task % blocks * PANEL, count = min_long(PANEL, a->queries - first);
    const long dim = a->dim;
    const attention_tiles t = attention_lay_out(scratch, dim);

    const VALUE *query = (const VALUE *)a->query + (b * a->queries + first) * a->query_stride + head * dim;
    const float scale = a->scale * 1.44269504f;
    memset(t.query, 0, sizeof(float) * dim * PANEL);
    for (long i = 0; i < count; i++)
        for (long d = 0; d < dim; d++) {
            const VALUE q = query[i * a->query_stride + d];
#ifdef PRODUCT_BF16
            ((VALUE *)t.query)[(d / 2 * PANEL + i) * 2 + d % 2] = bf16_from(bf16_value(q) * scale);
#else
            t.query[d * PANEL + i] = q * scale;
#endif
        }
    memset(t.output, 0, sizeof(float) * dim * PANEL);
    for (long i = 0; i < PANEL; i++) t.largest[i] = -1e30f, t.sum[i] = 0;

    const VALUE *key = (const VALUE *)a->key + b * a->keys * a->key_stride + head * dim;
    const long row = (a->keys + UNIT_VALUES - 1) / UNIT_VALUES * UNIT_VALUES;
    const VALUE *values = (const VALUE *)a->values + (b * a->heads + head) * dim * row;
    const UNIT *const *rows = (const UNIT *const *)t.rows;
    const long keys = a->causal ? min_long(a->keys, first + count) : a->keys;
    for (long k0 = 0; k0 < keys; k0 += KEYS_PER_BLOCK) {
        const long block = min_long(KEYS_PER_BLOCK, keys - k0);
        for (long k = 0; k < block; k++) t.rows[k] = key + (k0 + k) * a->key_stride;
        TYPED(product)(block, rows, 0, dim / UNIT_VALUES, t.query, t.scores, false);
        if (a->bias || a->key_bias) add_attention_bias(a, b, head, first, k0, block, t.scores);
        if (a->causal)
            for (long k = 0; k < block; k++)
                for (long i = 0; i < PANEL && first + i < k0 + k; i++) t.scores[k * PANEL + i] = -1e30f;
        TYPED(update_softmax)(&t, block, dim);
        for (long d = 0; d < dim; d++) t.rows[d] = values + d * row + k0;
        TYPED(product)(dim, rows, 0, (block + UNIT_VALUES - 1) / UNIT_VALUES, t.scores, t.output, true);
    }

    for (long j = 0; j < PANEL; j += LANES) store(t.sum + j, 1.0f / load(t.sum + j));
    VALUE *output = (VALUE *)a->output + (b * a->queries + first) * a->heads * dim + head * dim;
    for (long i = 0; i < count; i++)
        for (long d = 0; d < dim; d++) {
            const float mean = t.output[d * PANEL + i] * t.sum[i];
#ifdef PRODUCT_BF16
            output[i * a->heads * dim + d] = bf16_from(mean);
#else
            output[i * a->heads * dim + d] = mean;
#endif
        }
}
