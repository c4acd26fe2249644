// Activations over arrays and rows, and conversions between formats.
#include "harness.h"
#include <math.h>
#include <string.h>

static const long lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 66, 100, 257};

static void check_silu(const limn_kernels *kernels, long count) {
    const float *x = values(count, 4);
    float *output = reserve(sizeof(float) * (size_t)count);
    double *expected = reserve(sizeof(double) * (size_t)count);
    for (long i = 0; i < count; i++) expected[i] = plain_silu(x[i]);
    limn_silu(kernels, x, count, output);
    expect_near(output, expected, count, 1e-6, "%ld values", count);
    release_all("silu");
}

static void check_rows(const limn_kernels *kernels, long rows, long channels, limn_element element) {
    const long count = rows * channels, half = rows / 2;
    const float *x = values(2 * count, 2);
    void *gated = reserve((size_t)count * (element == LIMN_F32 ? 4 : 2));
    void *rectified = reserve((size_t)count * (element == LIMN_F32 ? 4 : 2));
    limn_gate_rows(kernels, x, channels, half, rows, element, gated);
    limn_gate_rows(kernels, x, channels, 0, half, element, gated);
    limn_rectify_rows(kernels, x, channels, half, rows, element, rectified);
    limn_rectify_rows(kernels, x, channels, 0, half, element, rectified);
    double *gates = reserve(sizeof(double) * (size_t)count), *limited = reserve(sizeof(double) * (size_t)count);
    for (long i = 0; i < count; i++) {
        const double gate = x[i / channels * 2 * channels + i % channels];
        const double tangent = tanh(sqrt(2 / M_PI) * (gate + 0.044715 * gate * gate * gate));
        gates[i] = 0.5 * gate * (1 + tangent) * x[(i / channels * 2 + 1) * channels + i % channels];
        limited[i] = x[i] > 0 ? x[i] : 0;
    }
    expect_near(as_floats(element, gated, count), gates, count, bound_of(element, 2e-6), "%ld rows of %ld, gated", rows,
                channels);
    expect_near(as_floats(element, rectified, count), limited, count, bound_of(element, 1e-9),
                "%ld rows of %ld, rectified", rows, channels);
    release_all("activations of rows");
}

static void check_to_bf16(const limn_kernels *kernels, long rows, long channels, long second) {
    const float *x = values(rows * channels, 1), *y = second ? values(rows * second, 100) : NULL;
    const long stride = (channels + second + 1) / 2 * 2;
    uint16_t *output = reserve(2 * (size_t)(rows * stride));
    limn_rows_to_bf16(kernels, x, channels, y, second, rows / 2, rows, output);
    limn_rows_to_bf16(kernels, x, channels, y, second, 0, rows / 2, output);
    bool same = true;
    for (long row = 0; row < rows; row++)
        for (long c = 0; c < stride; c++) {
            const float value = c < channels ? x[row * channels + c]
                : c < channels + second      ? y[row * second + c - channels]
                                             : 0;
            same &= output[row * stride + c] == to_bf16_bits(value);
        }
    expect(same, "%ld rows of %ld + %ld as bfloat16", rows, channels, second);
    release_all("conversion to bfloat16");
}

// Without a product of integers nobody calls it, but the table has it.
static void check_to_int8(const limn_kernels *kernels, long rows, long channels, limn_element element) {
    const long stride = element == LIMN_F32 ? channels : (channels + 1) / 2 * 2;
    const long to_stride = (channels + LIMN_INT8_ROW - 1) / LIMN_INT8_ROW * LIMN_INT8_ROW;
    const float *x = values(rows * stride, 3);
    uint16_t *halves = reserve(2 * (size_t)(rows * stride));
    for (long i = 0; i < rows * stride; i++) halves[i] = to_bf16_bits(x[i]);
    uint8_t *output = reserve((size_t)(rows * to_stride));
    float *scales = reserve(sizeof(float) * (size_t)rows);
    const void *from = element == LIMN_F32 ? (const void *)x : halves;
    limn_rows_to_int8(kernels, element, from, channels, 0, rows, output, scales);
    for (long row = 0; row < rows; row++) {
        float largest = 0;
        for (long c = 0; c < channels; c++) {
            const float value = element == LIMN_F32 ? x[row * stride + c] : from_bf16(halves[row * stride + c]);
            if (fabsf(value) > largest) largest = fabsf(value);
        }
        bool near = fabsf(scales[row] * 127 - largest) <= 1e-6f * largest;
        for (long c = 0; c < to_stride; c++) {
            const float value = c >= channels ? 0
                : element == LIMN_F32         ? x[row * stride + c]
                                              : from_bf16(halves[row * stride + c]);
            // 128 more than it stands for; what fills up the row is multiplied by nothing.
            if (c < channels) near &= fabs(output[row * to_stride + c] - 128.0 - value * 127.0 / largest) <= 0.5001;
        }
        expect(near, "row %ld of %ld as integers, element %d", row, channels, element);
    }
    release_all("conversion to integers");
}

static void check_stored(const limn_kernels *kernels) {
    enum { ALL = 1 << 16 };
    for (int stored = LIMN_STORED_F16; stored <= LIMN_STORED_BF16; stored++)
        for (long odd = 0; odd < 2; odd++) {
            // Every code, from an address that no vector is aligned to; a few fewer, so that a part of one is left.
            const long count = ALL - odd * 3;
            char *bytes = (char *)reserve(2 * ALL + 1) + odd;
            for (long i = 0; i < count; i++) {
                const uint16_t bits = (uint16_t)(i * 40503);
                memcpy(bytes + 2 * i, &bits, 2);
            }
            float *output = reserve(sizeof(float) * ALL);
            limn_stored_to_f32(kernels, (limn_stored)stored, bytes, count, output);
            bool same = true;
            for (long i = 0; i < count; i++) {
                const uint16_t bits = (uint16_t)(i * 40503);
                const float value = stored == LIMN_STORED_F16 ? from_f16_bits(bits) : from_bf16(bits);
                same &= isnan(value) ? isnan(output[i]) : memcmp(&value, output + i, 4) == 0;
            }
            expect(same, "every code of format %d", stored);
            expect(!limn_stored_is_finite((limn_stored)stored, bytes, count), "format %d has infinities", stored);
            release_all("reading stored values");
        }
    for (long i = 0; i < COUNT(lengths); i++) {
        const long count = lengths[i];
        const float *x = values(count, 1);
        char *bytes = (char *)reserve(4 * (size_t)count + 3) + 3;
        memcpy(bytes, x, 4 * (size_t)count);
        float *output = reserve(sizeof(float) * (size_t)count);
        limn_stored_to_f32(kernels, LIMN_STORED_F32, bytes, count, output);
        expect(memcmp(output, x, 4 * (size_t)count) == 0, "%ld values of single precision", count);
        expect(limn_stored_is_finite(LIMN_STORED_F32, bytes, count), "%ld values that are finite", count);
        const float infinity = -INFINITY;
        memcpy(bytes + 4 * (count - 1), &infinity, 4);
        expect(!limn_stored_is_finite(LIMN_STORED_F32, bytes, count), "%ld values, the last infinite", count);
        release_all("reading stored values");
    }
}

void check_elementwise(const limn_kernels *kernels) {
    begin(kernels, "activations");
    for (long i = 0; i < COUNT(lengths); i++) {
        check_silu(kernels, lengths[i]);
        for (long rows = 1; rows < 40; rows += 12) {
            check_rows(kernels, rows, lengths[i], LIMN_F32);
            if (lengths[i] % 2 == 0) check_rows(kernels, rows, lengths[i], LIMN_BF16);
        }
    }
    end();
    begin(kernels, "conversions");
    for (long i = 0; i < COUNT(lengths); i++)
        for (long rows = 1; rows < 8; rows += 3) {
            check_to_bf16(kernels, rows, lengths[i], 0);
            check_to_bf16(kernels, rows, lengths[i], lengths[(i + 5) % COUNT(lengths)]);
            check_to_int8(kernels, rows, lengths[i], LIMN_F32);
            check_to_int8(kernels, rows, lengths[i], LIMN_BF16);
        }
    check_stored(kernels);
    end();
}
