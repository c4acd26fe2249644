// Group, layer and root mean square normalisation.
#include "harness.h"
#include <math.h>

typedef struct {
    long batch, pixels, channels[2], groups;
    bool silu, modulated, has_statistics;
    limn_element element;
    float mean;
} group_norm_case;

// Mean and summed squared deviation of every block of pixels, as a convolution leaves them.
static float *block_statistics(const float *x, long batch, long pixels, long channels) {
    const long blocks = pixels / LIMN_STATISTICS_ROWS;
    float *result = reserve(sizeof(float) * (size_t)(batch * blocks * 2 * channels));
    for (long block = 0; block < batch * blocks; block++)
        for (long c = 0; c < channels; c++) {
            const float *column = x + block * LIMN_STATISTICS_ROWS * channels + c;
            double mean = 0, squares = 0;
            for (long i = 0; i < LIMN_STATISTICS_ROWS; i++) mean += column[i * channels] / (double)LIMN_STATISTICS_ROWS;
            for (long i = 0; i < LIMN_STATISTICS_ROWS; i++)
                squares += (column[i * channels] - mean) * (column[i * channels] - mean);
            result[block * 2 * channels + c] = (float)mean;
            result[(block * 2 + 1) * channels + c] = (float)squares;
        }
    return result;
}

static void check_group_norm(const limn_kernels *kernels, group_norm_case n) {
    const long channels = n.channels[0] + n.channels[1], width = channels / n.groups;
    const long count = n.batch * n.pixels * channels;
    limn_group_norm g = {
        .channels = {n.channels[0], n.channels[1]}, .batch = n.batch, .pixels = n.pixels, .groups = n.groups,
        .epsilon = 1e-5f, .weight = values(channels, 1), .bias = values(channels, 1),
        .modulation = n.modulated ? values(n.batch * 2 * channels, 1) : NULL, .silu = n.silu,
        .affine = reserve(sizeof(float) * (size_t)(n.batch * 2 * channels)), .output_element = n.element,
        .output = reserve((size_t)count * (n.element == LIMN_F32 ? 4 : 2))};
    for (int s = 0; s < 2; s++) {
        if (n.channels[s] == 0) continue;
        float *x = values(n.batch * n.pixels * n.channels[s], 1);
        for (long i = 0; i < n.batch * n.pixels * n.channels[s]; i++) x[i] += n.mean;
        g.source[s] = x;
        if (n.has_statistics) g.statistics[s] = block_statistics(x, n.batch, n.pixels, n.channels[s]);
    }
    g.partials = reserve(sizeof(double) * (size_t)limn_group_norm_partials(&g));
    for (long task = limn_group_norm_statistics_tasks(&g); task-- > 0;)
        limn_group_norm_statistics_task(kernels, &g, task);
    limn_group_norm_finish(&g);
    for (long task = limn_group_norm_apply_tasks(&g); task-- > 0;) limn_group_norm_apply_task(kernels, &g, task);

#define AT(b, p, c)                                                                             \
    ((c) < n.channels[0] ? g.source[0][((b) * n.pixels + (p)) * n.channels[0] + (c)]            \
                         : g.source[1][((b) * n.pixels + (p)) * n.channels[1] + (c) - n.channels[0]])
    double *expected = reserve(sizeof(double) * (size_t)count);
    for (long b = 0; b < n.batch; b++)
        for (long group = 0; group < n.groups; group++) {
            double mean = 0, variance = 0;
            const double size = (double)(n.pixels * width);
            for (long p = 0; p < n.pixels; p++)
                for (long c = group * width; c < (group + 1) * width; c++) mean += AT(b, p, c) / size;
            for (long p = 0; p < n.pixels; p++)
                for (long c = group * width; c < (group + 1) * width; c++)
                    variance += (AT(b, p, c) - mean) * (AT(b, p, c) - mean) / size;
            for (long p = 0; p < n.pixels; p++)
                for (long c = group * width; c < (group + 1) * width; c++) {
                    double y = (AT(b, p, c) - mean) / sqrt(variance + 1e-5) * g.weight[c] + g.bias[c];
                    const float *m = g.modulation ? g.modulation + b * 2 * channels : NULL;
                    if (m) y = y * (1 + (double)m[c]) + m[channels + c];
                    expected[(b * n.pixels + p) * channels + c] = n.silu ? plain_silu(y) : y;
                }
        }
#undef AT
    expect_near(as_floats(n.element, g.output, count), expected, count, bound_of(n.element, n.mean > 0 ? 3e-3 : 3e-6),
                "%ld×%ld×(%ld, %ld), %ld groups, silu %d, modulation %d, statistics %d, element %d", n.batch, n.pixels,
                n.channels[0], n.channels[1], n.groups, n.silu, n.modulated, n.has_statistics, n.element);
    release_all("group norm");
}

static void check_row_norms(const limn_kernels *kernels, long rows, long channels, limn_element element) {
    const long count = rows * channels, first = rows / 3;
    const float *x = values(count, 1), *weight = values(channels, 1), *bias = values(channels, 1);
    void *layer = reserve((size_t)count * (element == LIMN_F32 ? 4 : 2));
    void *root = reserve((size_t)count * (element == LIMN_F32 ? 4 : 2));
    limn_layer_norm(kernels, x, weight, bias, 1e-5f, channels, first, rows, element, layer);
    limn_layer_norm(kernels, x, weight, bias, 1e-5f, channels, 0, first, element, layer);
    limn_rms_norm(kernels, x, weight, 1e-5f, channels, first, rows, element, root);
    limn_rms_norm(kernels, x, weight, 1e-5f, channels, 0, first, element, root);
    double *layered = reserve(sizeof(double) * (size_t)count), *rooted = reserve(sizeof(double) * (size_t)count);
    for (long row = 0; row < rows; row++) {
        double mean = 0, variance = 0, square = 0;
        for (long c = 0; c < channels; c++) {
            const double v = x[row * channels + c];
            mean += v / (double)channels, square += v * v / (double)channels;
        }
        for (long c = 0; c < channels; c++)
            variance += (x[row * channels + c] - mean) * (x[row * channels + c] - mean) / (double)channels;
        for (long c = 0; c < channels; c++) {
            const double v = x[row * channels + c];
            layered[row * channels + c] = (v - mean) / sqrt(variance + 1e-5) * weight[c] + bias[c];
            rooted[row * channels + c] = v / sqrt(square + 1e-5) * weight[c];
        }
    }
    const double bound = bound_of(element, 3e-6);
    expect_near(as_floats(element, layer, count), layered, count, bound, "layer norm of %ld × %ld", rows, channels);
    expect_near(as_floats(element, root, count), rooted, count, bound, "rms norm of %ld × %ld", rows, channels);
    release_all("a norm of rows");
}

void check_norms(const limn_kernels *kernels) {
    begin(kernels, "group norm");
    static const long layouts[][3] = {
        {1, 0, 1}, {3, 0, 3}, {7, 0, 1}, {30, 0, 5}, {31, 0, 31}, {64, 0, 32}, {100, 0, 4}, {130, 0, 13}, {3, 5, 4},
        {1, 2, 1}, {7, 9, 2}, {16, 16, 8}, {31, 33, 32}, {64, 32, 32}, {17, 15, 4}, {65, 63, 2}, {20, 1, 3},
        {48, 16, 1},
    };
    for (long i = 0; i < 6 * COUNT(layouts); i++) {
        const long *layout = layouts[i % COUNT(layouts)];
        group_norm_case n = {.batch = ANY(1, 2, 3), .channels = {layout[0], layout[1]}, .groups = layout[2],
                             .silu = ANY(0, 1), .modulated = ANY(0, 1), .has_statistics = ANY(0, 0, 1),
                             .pixels = ANY(1, 2, 3, 63, 64, 65, 130, 200) + (layout[0] == layout[2] ? 10 : 0)};
        if (n.has_statistics) n.pixels = ANY(32, 64, 2048, 2080);
        n.element = (layout[0] + layout[1]) % 2 == 0 && ANY(0, 1) ? LIMN_BF16 : LIMN_F32;
        check_group_norm(kernels, n);
    }
    // A variance taken as E[x²] − E[x]² would be off by its own size here.
    const group_norm_case narrow = {.batch = 1, .pixels = 63, .channels = {31, 0}, .groups = 31, .mean = 1e4f};
    const group_norm_case wide = {.batch = 2, .pixels = 130, .channels = {33, 0}, .groups = 11, .mean = 1e4f};
    check_group_norm(kernels, narrow);
    check_group_norm(kernels, wide);
    end();
    begin(kernels, "norms of rows");
    static const long channels[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 63, 64, 66, 100, 769};
    for (long i = 0; i < COUNT(channels); i++)
        for (long rows = 1; rows < 70; rows += 17) {
            check_row_norms(kernels, rows, channels[i], LIMN_F32);
            if (channels[i] % 2 == 0) check_row_norms(kernels, rows, channels[i], LIMN_BF16);
        }
    end();
}
