// Loops over plain arrays.
#pragma once
#include "vector.h"

static void silu_array(const float *x, long count, float *output) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) store(output + i, silu(load(x + i)));
    if (i < count) store_part(output + i, silu(load_part(x + i, count - i)), count - i);
}

static void rows_to_bf16(const float *x, long channels, const float *second, long second_channels, long first,
                         long last, uint16_t *output) {
    const long together = channels + second_channels, stride = (together + 1) / 2 * 2;
    for (long row = first; row < last; row++) {
        uint16_t *to = output + row * stride;
        for (int s = 0; s < 2; s++) {
            const long own = s ? second_channels : channels;
            const float *from = (s ? second : x) + row * own;
            long c = 0;
            for (; c + LANES <= own; c += LANES) store_bf16(to + c, load(from + c));
            if (c < own) store_bf16_part(to + c, load_part(from + c, own - c), own - c);
            to += own;
        }
        if (stride > together) *to = 0;
    }
}
