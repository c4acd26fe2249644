// Attention against a plain softmax over all scores.
#include "harness.h"
#include <math.h>
#include <string.h>

typedef struct {
    long batch, heads, dim, queries, keys;
    bool causal, biased, hidden;
    float deviation;
} attention_case;

static void check(const limn_kernels *kernels, attention_case a) {
    // Queries lie in rows of their own, keys and values side by side.
    const long width = a.heads * a.dim, query_stride = width + ANY(0, 3), key_stride = 2 * width + ANY(0, 5);
    const float *query = values(a.batch * a.queries * query_stride, a.deviation);
    const float *key = values(a.batch * a.keys * key_stride, a.deviation), *value = key + width;
    const float *bias = a.biased ? values(a.heads * a.keys * a.queries, 1) : NULL;
    float *hiding = a.hidden ? reserve(sizeof(float) * (size_t)(a.batch * a.keys)) : NULL;
    for (long i = 0; hiding && i < a.batch * a.keys; i++) hiding[i] = i % a.keys == 0 || ANY(0, 0, 1) == 0 ? 0 : -1e30f;
    const float scale = ANY(0, 1) ? 1 / sqrtf((float)a.dim) : 0.3f;

    float *transposed = reserve(sizeof(float) * (size_t)(a.batch * width * a.keys));
    for (long task = a.batch * a.heads; task-- > 0;)
        limn_transpose_values_task(LIMN_F32, value, key_stride, a.heads, a.dim, a.keys, transposed, task);
    float *output = reserve(sizeof(float) * (size_t)(a.batch * a.queries * width));
    const limn_attention attention = {
        .element = LIMN_F32, .query = query, .key = key, .values = transposed, .query_stride = query_stride,
        .key_stride = key_stride, .batch = a.batch, .heads = a.heads, .dim = a.dim, .queries = a.queries,
        .keys = a.keys, .scale = scale, .causal = a.causal, .output = output, .bias = bias, .key_bias = hiding};
    void *scratch = reserve(limn_attention_scratch(kernels, &attention));
    for (long task = limn_attention_tasks(kernels, &attention); task-- > 0;)
        limn_attention_task(kernels, &attention, task, scratch);

    double *expected = reserve(sizeof(double) * (size_t)(a.batch * a.queries * width));
    double *weights = reserve(sizeof(double) * (size_t)a.keys);
    for (long b = 0; b < a.batch; b++)
        for (long h = 0; h < a.heads; h++)
            for (long i = 0; i < a.queries; i++) {
                const long visible = a.causal && i + 1 < a.keys ? i + 1 : a.keys;
                double largest = -INFINITY, total = 0;
                for (long k = 0; k < visible; k++) {
                    double score = 0;
                    for (long d = 0; d < a.dim; d++)
                        score += (double)query[(b * a.queries + i) * query_stride + h * a.dim + d]
                            * key[(b * a.keys + k) * key_stride + h * a.dim + d];
                    score = score * scale + (bias ? bias[(h * a.keys + k) * a.queries + i] : 0);
                    weights[k] = hiding && hiding[b * a.keys + k] < 0 ? -INFINITY : score;
                    if (weights[k] > largest) largest = weights[k];
                }
                for (long k = 0; k < visible; k++) total += weights[k] = exp(weights[k] - largest);
                for (long d = 0; d < a.dim; d++) {
                    double sum = 0;
                    for (long k = 0; k < visible; k++)
                        sum += weights[k] / total * value[(b * a.keys + k) * key_stride + h * a.dim + d];
                    expected[(b * a.queries + i) * width + h * a.dim + d] = sum;
                }
            }
    expect_near(output, expected, a.batch * a.queries * width, a.deviation > 1 ? 3e-5 : 2e-6,
                "%ld pictures, %ld heads of %ld, %ld queries, %ld keys, causal %d, bias %d, hidden %d, values of %g",
                a.batch, a.heads, a.dim, a.queries, a.keys, a.causal, a.biased, a.hidden, a.deviation);
    release_all("attention");
}

static void check_transposition(long batch, long heads, long dim, long keys) {
    const long stride = heads * dim + 3, row = (keys + 1) / 2 * 2;
    uint16_t *from = reserve(2 * (size_t)(batch * keys * stride));
    uint16_t *to = reserve(2 * (size_t)(batch * heads * dim * row));
    for (long i = 0; i < batch * keys * stride; i++) from[i] = (uint16_t)i;
    bool same = true;
    for (long task = 0; task < batch * heads; task++) {
        limn_transpose_values_task(LIMN_BF16, from, stride, heads, dim, keys, to, task);
        for (long d = 0; d < dim; d++)
            for (long k = 0; k < row; k++) {
                const uint16_t found = to[(task * dim + d) * row + k];
                const long at = (task / heads * keys + k) * stride + task % heads * dim + d;
                same &= found == (k < keys ? from[at] : 0);
            }
    }
    expect(same, "transposed bfloat16 values of %ld heads of %ld, %ld keys", heads, dim, keys);
    release_all("transposing");
}

void check_attention(const limn_kernels *kernels) {
    begin(kernels, "attention");
    for (long i = 0; i < 150; i++)
        check(kernels, (attention_case){
            .batch = ANY(1, 1, 2), .heads = ANY(1, 2, 3), .dim = ANY(1, 2, 5, 8, 33, 40, 64, 130),
            .queries = ANY(1, 3, 15, 16, 17, 40, 65), .keys = ANY(1, 2, 3, 77, 127, 128, 129, 300),
            .causal = ANY(0, 0, 1), .biased = ANY(0, 0, 1), .hidden = ANY(0, 0, 1), .deviation = 1});
    // Scores far apart: the running maximum moves.
    for (long i = 0; i < 20; i++)
        check(kernels, (attention_case){.batch = 1, .heads = 2, .dim = 40, .queries = 33, .keys = ANY(77, 300),
                                        .causal = ANY(0, 1), .deviation = 5});
    for (long keys = 1; keys < 40; keys += 6) check_transposition(2, 3, 2 + 4 * (keys % 5), keys);
    end();
}
