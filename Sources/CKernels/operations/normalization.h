// Group and layer normalisation.
#pragma once
#include "vector.h"

// Mean and summed squared deviation of `rows` values at a stride, two passes, for LANES channels at a time.
INLINE void column_statistics(const float *x, long stride, long rows, vf *mean, vf *squares) {
    vf sum = {};
    for (long i = 0; i < rows; i++) sum += load(x + i * stride);
    *mean = sum * (1.0f / (float)rows);
    vf total = {};
    for (long i = 0; i < rows; i++) {
        const vf d = load(x + i * stride) - *mean;
        total += d * d;
    }
    *squares = total;
}

// The same of rows whose statistics are there, in `blocks` blocks at a stride (Chan's formula, equal counts).
INLINE void combined_statistics(const float *x, long squares_at, long stride, long blocks, long part, vf *mean,
                                vf *squares) {
    vf sum = {}, total = {};
    for (long i = 0; i < blocks; i++) sum += load_part(x + i * stride, part);
    *mean = sum * (1.0f / (float)blocks);
    for (long i = 0; i < blocks; i++) {
        const vf d = load_part(x + i * stride, part) - *mean;
        total += load_part(x + squares_at + i * stride, part) + d * d * (float)LIMN_STATISTICS_ROWS;
    }
    *squares = total;
}

// One chunk of rows: per group the mean and the summed squared deviations, in double precision.
static void group_norm_statistics_task(const limn_group_norm *g, long task) {
    const long most = statistics_rows(g), chunks = ceil_div(g->pixels, most);
    const long b = task / chunks, first = task % chunks * most, rows = min_long(most, g->pixels - first);
    const long channels = g->channels[0] + g->channels[1], width = channels / g->groups;
    double *partial = g->partials + task * g->groups * 2;
    // Channels arrive in order, so the running group is combined as it goes (Chan's formula, equal counts).
    double mean = 0, squares = 0, count = 0;
    long channel = 0;
    for (int s = 0; s < 2; s++) {
        const long own = g->channels[s];
        const float *x = own ? g->source[s] + (b * g->pixels + first) * own : NULL;
        for (long c = 0; c < own; c += LANES) {
            const long part = min_long(LANES, own - c);
            vf means, deviations;
            if (g->statistics[s]) {
                // Two rows, of means and of squares, a block.
                const long block = (b * g->pixels + first) / LIMN_STATISTICS_ROWS;
                combined_statistics(g->statistics[s] + block * 2 * own + c, own, 2 * own, rows / LIMN_STATISTICS_ROWS,
                                    part, &means, &deviations);
            } else if (part == LANES) {
                column_statistics(x + c, own, rows, &means, &deviations);
            } else {
                float narrow[NORM_ROWS * LANES];
                for (long i = 0; i < rows; i++) store(narrow + i * LANES, load_part(x + i * own + c, part));
                column_statistics(narrow, LANES, rows, &means, &deviations);
            }
            for (long lane = 0; lane < part; lane++) {
                const double delta = means[lane] - mean;
                squares += deviations[lane] + delta * delta * count * rows / (count + rows);
                mean += delta * rows / (count + rows);
                count += rows;
                if (++channel % width == 0) {
                    partial[0] = mean, partial[1] = squares;
                    partial += 2;
                    mean = squares = count = 0;
                }
            }
        }
    }
}

// Whether the output, as bfloat16, is written past the cache: two vectors make a line.
INLINE bool streams_normalized(const limn_group_norm *g, long channels) {
    return g->output_element == LIMN_BF16 && LANES * sizeof(float) == LINE_BYTES && channels % (2 * LANES) == 0
        && g->channels[0] % (2 * LANES) == 0 && (uintptr_t)g->output % LINE_BYTES == 0
        && sizeof(uint16_t) * g->batch * g->pixels * channels >= STREAMED_BYTES;
}

static void group_norm_apply_task(const limn_group_norm *g, long task) {
    const long chunks = ceil_div(g->pixels, NORM_ROWS), b = task / chunks, first = task % chunks * NORM_ROWS;
    const long rows = min_long(NORM_ROWS, g->pixels - first);
    const long channels = g->channels[0] + g->channels[1];
    const bool streams = streams_normalized(g, channels);
    long column = 0;
    for (int s = 0; s < 2; s++) {
        const long own = g->channels[s];
        const float *scale = g->affine + b * 2 * channels + column, *shift = scale + channels;
        for (long i = 0; i < rows; i++) {
            const long row = b * g->pixels + first + i;
            const float *x = g->source[s] + row * own;
            const long y = row * channels + column;
            long c = 0;
            for (; streams && c < own; c += 2 * LANES) {
                const vf v = load(x + c) * load(scale + c) + load(shift + c);
                const vf w = load(x + c + LANES) * load(scale + c + LANES) + load(shift + c + LANES);
                store_line_bf16((uint16_t *)g->output + y + c, g->silu ? silu_for(LIMN_BF16, v) : v,
                                g->silu ? silu_for(LIMN_BF16, w) : w);
            }
            for (; c + LANES <= own; c += LANES) {
                const vf v = load(x + c) * load(scale + c) + load(shift + c);
                store_element(g->output_element, g->output, y + c, g->silu ? silu_for(g->output_element, v) : v);
            }
            if (c < own) {
                const long part = own - c;
                const vf v = load_part(x + c, part) * load_part(scale + c, part) + load_part(shift + c, part);
                store_element_part(g->output_element, g->output, y + c, g->silu ? silu_for(g->output_element, v) : v,
                                   part);
            }
        }
        column += own;
    }
    if (streams) finish_streaming();
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, long channels, long first,
                       long last, limn_element output_element, void *output) {
    const long whole = channels / LANES * LANES, part = channels - whole;
    for (long row = first; row < last; row++) {
        const float *in = x + row * channels;
        const long out = row * channels;
        vf sum = {};
        for (long c = 0; c < whole; c += LANES) sum += load(in + c);
        if (part) sum += load_part(in + whole, part);
        const float mean = sum_lanes(sum) / (float)channels;
        vf squares = {};
        for (long c = 0; c < whole; c += LANES) {
            const vf d = load(in + c) - mean;
            squares += d * d;
        }
        float total = sum_lanes(squares);
        for (long c = whole; c < channels; c++) total += (in[c] - mean) * (in[c] - mean);
        const float scale = 1 / sqrtf(total / (float)channels + epsilon);
        for (long c = 0; c < whole; c += LANES)
            store_element(output_element, output, out + c,
                          (load(in + c) - mean) * scale * load(weight + c) + load(bias + c));
        if (part) {
            const vf x = (load_part(in + whole, part) - mean) * scale;
            store_element_part(output_element, output, out + whole,
                               x * load_part(weight + whole, part) + load_part(bias + whole, part), part);
        }
    }
}
