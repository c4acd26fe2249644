// Linear layers and convolutions over packed weights, in every way that a set has, against sums in double precision.
#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A weight as files hold it and as numbers.
typedef struct {
    limn_weight stored;
    double *exact;  // [rows, in, taps]
} weight;

static weight any_weight(long out, long in, long taps, limn_activation activation, limn_algorithm algorithm) {
    const long rows = activation == LIMN_ACTIVATION_GEGLU ? 2 * out : out;
    // Parts of as many rows each, in formats of their own.
    const long parts = rows % 6 == 0 ? ANY(1, 2, 3) : rows % 2 == 0 ? ANY(1, 2) : 1;
    weight w = {.stored = {.part_rows = rows / parts, .out = out, .in = in, .taps = taps, .activation = activation,
                           .algorithm = algorithm},
                .exact = reserve(sizeof(double) * (size_t)(rows * in * taps))};
    const float deviation = 1 / __builtin_sqrtf((float)(in * taps));
    const long count = rows / parts * in * taps;
    for (long part = 0; part < parts; part++) {
        const limn_stored stored = (limn_stored)ANY(LIMN_STORED_F32, LIMN_STORED_F16, LIMN_STORED_BF16);
        const size_t size = stored == LIMN_STORED_F32 ? 4 : 2;
        // At an odd address, as in files.
        char *bytes = (char *)reserve(size * (size_t)count + 1) + 1;
        for (long i = 0; i < count; i++) {
            float value = any_value(deviation);
            if (stored == LIMN_STORED_F32) {
                memcpy(bytes + 4 * i, &value, 4);
            } else {
                uint16_t bits = to_bf16_bits(value);
                if (stored == LIMN_STORED_F16) {
                    const _Float16 half = (_Float16)value;
                    memcpy(&bits, &half, 2);
                }
                memcpy(bytes + 2 * i, &bits, 2);
                value = stored == LIMN_STORED_F16 ? from_f16_bits(bits) : from_bf16(bits);
            }
            w.exact[part * count + i] = value;
        }
        w.stored.parts[part] = bytes, w.stored.stored[part] = stored;
    }
    return w;
}

static void *pack(const limn_kernels *kernels, const limn_weight *w) {
    const long points = limn_algorithm_points(w->algorithm, w->taps);
    void *packed = reserve(limn_packed_bytes(kernels, LIMN_F32, w->out, w->in, points, w->activation));
    void *scratch = reserve(limn_pack_scratch(kernels, w));
    for (long panel = limn_packed_panels(kernels, w->out, w->activation); panel-- > 0;)
        limn_pack_task(kernels, LIMN_F32, w, packed, panel, scratch);
    return packed;
}

// Runs all tasks, the last first: none may need another.
static void run(const limn_kernels *kernels, const limn_convolution *c) {
    void *scratch = reserve(limn_convolution_scratch(kernels, c));
    for (long task = limn_convolution_tasks(kernels, c); task-- > 0;) limn_convolution_task(kernels, c, task, scratch);
}

// The pixel that nearest neighbour takes: floor(index · from / to).
static long nearest(long index, long from, long to) { return index * from / to; }

static double *expected(const limn_convolution *c, const double *w) {
    const long in = c->channels[0] + c->channels[1], taps = c->kernel_height * c->kernel_width;
    const long columns = c->out_channels, pixels = c->out_height * c->out_width;
    const bool gated = c->activation == LIMN_ACTIVATION_GEGLU;
    double *result = reserve(sizeof(double) * (size_t)(c->batch * pixels * columns));
    for (long b = 0; b < c->batch; b++)
        for (long p = 0; p < pixels; p++)
            for (long o = 0; o < columns; o++) {
                double sums[2] = {0, 0};
                for (int gate = 0; gate <= gated; gate++) {
                    const double *filter = w + (gate * columns + o) * in * taps;
                    for (long tap = 0; tap < taps; tap++) {
                        const long y = p / c->out_width * c->stride - c->pad_top + tap / c->kernel_width;
                        const long x = p % c->out_width * c->stride - c->pad_left + tap % c->kernel_width;
                        if (y < 0 || y >= c->resized_height || x < 0 || x >= c->resized_width) continue;
                        const long from = (b * c->in_height + nearest(y, c->in_height, c->resized_height)) * c->in_width
                            + nearest(x, c->in_width, c->resized_width);
                        for (long i = 0; i < in; i++) {
                            const int s = i >= c->channels[0];
                            const long channel = s ? i - c->channels[0] : i;
                            sums[gate] += ((const float *)c->source[s])[from * c->channels[s] + channel]
                                * filter[i * taps + tap];
                        }
                    }
                    if (c->bias) sums[gate] += c->bias[gate * columns + o];
                }
                const long at = (b * pixels + p) * columns + o;
                double value = sums[0] + (c->batch_bias ? c->batch_bias[b * columns + o] : 0);
                const double residual = c->residual ? c->residual[at] : 0;
                if (c->activation == LIMN_ACTIVATION_RELU) value = activate(c->activation, value + residual, 0);
                else value = activate(c->activation, value, sums[1]) + residual;
                result[at] = value;
            }
    return result;
}

static void check(const limn_kernels *kernels, limn_convolution c, double bound) {
    const long in = c.channels[0] + c.channels[1], taps = c.kernel_height * c.kernel_width;
    const long pixels = c.out_height * c.out_width, count = c.batch * pixels * c.out_channels;
    const long size = c.output_element == LIMN_F32 ? 4 : 2;
    const weight w = any_weight(c.out_channels, in, taps, c.activation, c.algorithm);
    for (int s = 0; s < 2; s++)
        if (c.channels[s]) c.source[s] = values(c.batch * c.in_height * c.in_width * c.channels[s], 1);
    if (ANY(0, 1, 1)) c.bias = values(c.out_channels * (c.activation == LIMN_ACTIVATION_GEGLU ? 2 : 1), 1);
    if (c.activation != LIMN_ACTIVATION_GEGLU && ANY(0, 1)) c.batch_bias = values(c.batch * c.out_channels, 1);
    if (ANY(0, 1)) c.residual = values(count, 1);
    c.weights = pack(kernels, &w.stored);
    c.output = reserve((size_t)(count * size));
    run(kernels, &c);
    expect_near(as_floats(c.output_element, c.output, count), expected(&c, w.exact), count,
                bound_of(c.output_element, bound),
                "%ld×%ld×%ld×(%ld, %ld) resized %ld×%ld out %ld kernel %ld×%ld stride %ld pads %ld %ld activation %d "
                "bias %d %d residual %d algorithm %d element %d", c.batch, c.in_height, c.in_width, c.channels[0],
                c.channels[1], c.resized_height, c.resized_width, c.out_channels, c.kernel_height, c.kernel_width,
                c.stride, c.pad_top, c.pad_left, c.activation, c.bias != NULL, c.batch_bias != NULL,
                c.residual != NULL, c.algorithm, c.output_element);
    // A picture's bits do not depend on how many others there are.
    limn_convolution last = c;
    const long before = c.batch - 1;
    last.batch = 1;
    for (int s = 0; s < 2; s++)
        if (c.source[s])
            last.source[s] = (const float *)c.source[s] + before * c.in_height * c.in_width * c.channels[s];
    if (c.batch_bias) last.batch_bias = c.batch_bias + before * c.out_channels;
    if (c.residual) last.residual = c.residual + before * pixels * c.out_channels;
    last.output = reserve((size_t)(pixels * c.out_channels * size));
    run(kernels, &last);
    expect(memcmp(last.output, (char *)c.output + before * pixels * c.out_channels * size,
                  (size_t)(pixels * c.out_channels * size)) == 0,
           "a picture alone differs from the last of %ld, %ld pixels, %ld → %ld", c.batch, pixels, in, c.out_channels);
    release_all("a product");
}

void check_linear(const limn_kernels *kernels) {
    begin(kernels, "linear");
    for (long i = 0; i < 240; i++) {
        const long pixels = ANY(1, 2, 5, 6, 7, 8, 13, 40, 95, 97, 200), in = ANY(1, 3, 16, 33, 64, 130, 385, 800);
        limn_convolution c = {
            .algorithm = LIMN_DIRECT, .element = LIMN_F32, .channels = {in, 0}, .batch = ANY(1, 2, 3), .in_height = 1,
            .in_width = pixels, .resized_height = 1, .resized_width = pixels, .kernel_height = 1, .kernel_width = 1,
            .stride = 1, .out_height = 1, .out_width = pixels, .out_channels = ANY(1, 3, 12, 15, 16, 17, 33, 66, 130),
            .spread = 1, .activation = (limn_activation)(i % 6)};
        // Rows of bfloat16 hold an even number of values.
        c.output_element = c.out_channels % 2 == 0 && ANY(0, 0, 1) ? LIMN_BF16 : LIMN_F32;
        check(kernels, c, 2e-6);
    }
    end();
}

// One that suits the algorithm; every option is drawn.
static limn_convolution any_convolution(limn_algorithm algorithm) {
    limn_convolution c = {.algorithm = algorithm, .element = LIMN_F32, .batch = ANY(1, 1, 2, 3), .spread = 1,
                          .in_height = ANY(1, 2, 3, 5, 8, 11), .in_width = ANY(1, 2, 3, 4, 7, 13),
                          .channels = {ANY(1, 3, 4, 8, 17, 33, 70), ANY(0, 0, 1, 6, 31)},
                          .out_channels = ANY(1, 3, 4, 15, 16, 18, 35, 66),
                          .kernel_height = 3, .kernel_width = 3, .stride = 1, .pad_top = 1, .pad_left = 1,
                          .activation = (limn_activation)ANY(LIMN_ACTIVATION_NONE, LIMN_ACTIVATION_NONE,
                                                             LIMN_ACTIVATION_SILU, LIMN_ACTIVATION_GELU,
                                                             LIMN_ACTIVATION_QUICK_GELU, LIMN_ACTIVATION_RELU)};
    c.resized_height = c.in_height, c.resized_width = c.in_width;
    long below = 1, right = 1;
    if (algorithm == LIMN_SUBPIXEL) {
        c.resized_height *= 2, c.resized_width *= 2;
    } else {
        if (ANY(0, 0, 1))
            c.resized_height = c.in_height + ANY(0, 1, 3, 5), c.resized_width = 2 * c.in_width + ANY(0, 1);
        c.pad_top = ANY(0, 1, 1, 2), c.pad_left = ANY(0, 1, 1), below = ANY(0, 1, 1), right = ANY(0, 1, 2);
    }
    if (algorithm == LIMN_DIRECT) {
        c.kernel_height = ANY(1, 2, 3, 3, 5, 7), c.kernel_width = ANY(1, 3, 3, 7), c.stride = ANY(1, 1, 2, 3);
        // As in the original VAE: no padding above and to the left, one row and column below and to the right.
        if (c.stride == 2 && ANY(0, 1)) c.pad_top = c.pad_left = 0, below = right = 1;
    }
    // Large enough for one window.
    while (c.resized_height + c.pad_top + below < c.kernel_height) below++;
    while (c.resized_width + c.pad_left + right < c.kernel_width) right++;
    c.out_height = (c.resized_height + c.pad_top + below - c.kernel_height) / c.stride + 1;
    c.out_width = (c.resized_width + c.pad_left + right - c.kernel_width) / c.stride + 1;
    c.output_element = c.out_channels % 2 == 0 && ANY(0, 0, 1) ? LIMN_BF16 : LIMN_F32;
    return c;
}

void check_convolutions(const limn_kernels *kernels) {
    static const struct {
        limn_algorithm algorithm;
        const char *name;
        long cases;
        double bound;
    } ways[] = {
        {LIMN_DIRECT, "convolution, direct", 200, 2e-6},
        {LIMN_WINOGRAD_2, "convolution, F(2×2)", 100, 3e-6},
        {LIMN_WINOGRAD_4, "convolution, F(4×4)", 100, 8e-6},
        {LIMN_SUBPIXEL, "convolution, 4 of 2×2", 60, 3e-6},
    };
    for (long way = 0; way < COUNT(ways); way++) {
        begin(kernels, ways[way].name);
        expect(limn_kernels_have(kernels, ways[way].algorithm, LIMN_F32), "the set does not have it");
        for (long i = 0; i < ways[way].cases; i++)
            check(kernels, any_convolution(ways[way].algorithm), ways[way].bound);
        // Depths of several blocks, more panels than one task takes, more rows than one task takes.
        for (long i = 0; i < 4; i++) {
            limn_convolution c = any_convolution(ways[way].algorithm);
            c.channels[0] = ANY(400, 700), c.out_channels = ANY(129, 346);
            c.output_element = LIMN_F32;
            check(kernels, c, ways[way].bound);
        }
        end();
    }
}
