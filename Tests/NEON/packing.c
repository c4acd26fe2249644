// The packed forms of bfloat16 and of 8-bit integers, value by value, against the layout that limn_kernels.h describes.
// A set without such products packs none, but its table can. That of float32 is checked by the products.
#include "harness.h"
#include "kernels.h"
#include <math.h>
#include <string.h>

static void check_bf16(const limn_kernels *kernels, long out, long in, long taps) {
    const long panel = kernels->panel, units = ceil_div(in, 2);
    const float *x = values(out * in * taps, 1);
    const limn_weight w = {
        .parts = {x}, .stored = {LIMN_STORED_F32}, .part_rows = out, .out = out, .in = in, .taps = taps};
    uint16_t *packed = reserve(limn_packed_bytes(kernels, LIMN_BF16, out, in, taps, LIMN_ACTIVATION_NONE));
    void *scratch = reserve(limn_pack_scratch(kernels, &w));
    bool same = true;
    for (long p = limn_packed_panels(kernels, out, LIMN_ACTIVATION_NONE); p-- > 0;) {
        limn_pack_task(kernels, LIMN_BF16, &w, packed, p, scratch);
        for (long tap = 0; tap < taps; tap++)
            for (long i = 0; i < 2 * units; i++)
                for (long n = 0; n < panel; n++) {
                    const long o = p * panel + n;
                    const uint16_t found = packed[(((p * taps + tap) * units + i / 2) * panel + n) * 2 + i % 2];
                    same &= found == (o < out && i < in ? to_bf16_bits(x[(o * in + i) * taps + tap]) : 0);
                }
    }
    expect(same, "%ld × %ld × %ld as bfloat16", out, in, taps);
    release_all("packing of bfloat16");
}

static void check_int8(const limn_kernels *kernels, long out, long in) {
    const long panel = kernels->panel, units = packed_units(LIMN_INT8, in);
    const float *x = values(out * in, 1);
    const limn_weight w = {
        .parts = {x}, .stored = {LIMN_STORED_F32}, .part_rows = out, .out = out, .in = in, .taps = 1};
    float *packed = reserve(limn_packed_bytes(kernels, LIMN_INT8, out, in, 1, LIMN_ACTIVATION_NONE));
    void *scratch = reserve(limn_pack_scratch(kernels, &w));
    bool near = true;
    for (long p = limn_packed_panels(kernels, out, LIMN_ACTIVATION_NONE); p-- > 0;) {
        limn_pack_task(kernels, LIMN_INT8, &w, packed, p, scratch);
        const float *start = packed + p * (units + 2) * panel;
        for (long n = 0; n < panel; n++) {
            const long o = p * panel + n;
            float largest = 0;
            long sum = 0;
            for (long i = 0; o < out && i < in; i++) largest = fmaxf(largest, fabsf(x[o * in + i]));
            for (long i = 0; i < 4 * units; i++) {
                const int step = ((const int8_t *)(start + i / 4 * panel + n))[i % 4];
                const double wanted = o < out && i < in ? x[o * in + i] * 127.0 / largest : 0;
                near &= fabs(step - wanted) <= 0.5001;
                sum += step;
            }
            int32_t taken;
            memcpy(&taken, start + (units + 1) * panel + n, 4);
            near &= fabsf(start[units * panel + n] * 127 - largest) <= 1e-6f && taken == 128 * sum;
        }
    }
    expect(near, "%ld × %ld as integers", out, in);
    release_all("packing of integers");
}

void check_packing(const limn_kernels *kernels) {
    begin(kernels, "packing");
    static const long counts[] = {1, 2, 3, 5, 16, 17, 33, 66};
    for (long o = 0; o < COUNT(counts); o++)
        for (long i = 0; i < COUNT(counts); i++) {
            check_bf16(kernels, counts[o], counts[i], 1);
            check_bf16(kernels, counts[o], counts[i], 9);
            check_int8(kernels, counts[o], counts[i]);
        }
    // More inputs than are packed at a time.
    check_bf16(kernels, 20, 1300, 1);
    check_int8(kernels, 20, 1300);
    end();
}
