// Loops over plain arrays.
#pragma once
#include "vector.h"

static void silu_array(const float *x, long count, float *output) {
    long i = 0;
    for (; i + LANES <= count; i += LANES) store(output + i, silu(load(x + i)));
    if (i < count) store_part(output + i, silu(load_part(x + i, count - i)), count - i);
}

// The values need not be aligned: they lie in mapped files.
INLINE uint16_t load_half(const void *x, long i) {
    uint16_t half;
    memcpy(&half, (const char *)x + 2 * i, 2);
    return half;
}

// Half to single precision by bits: shift the fields into place and let one multiplication by 2^112 re-bias the
// exponent, which normalises subnormals too; infinities and NaNs keep an all-ones exponent.
static void f16_to_f32(const void *x, long count, float *output) {
    for (long i = 0; i < count; i++) {
        const uint32_t h = load_half(x, i), sign = (h & 0x8000) << 16, rest = (h & 0x7fff) << 13;
        float magnitude;
        memcpy(&magnitude, &rest, 4);
        magnitude *= 0x1p112f;
        uint32_t bits;
        memcpy(&bits, &magnitude, 4);
        if ((h & 0x7c00) == 0x7c00) bits |= 0x7f800000;
        bits |= sign;
        memcpy(output + i, &bits, 4);
    }
}

static void bf16_to_f32(const void *x, long count, float *output) {
    for (long i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)load_half(x, i) << 16;
        memcpy(output + i, &bits, 4);
    }
}

static void rows_to_bf16(const float *x, long channels, const float *second, long second_channels,
                       long first, long last,
                         uint16_t *output) {
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
