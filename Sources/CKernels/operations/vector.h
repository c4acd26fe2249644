// Vectors of LANES floats through the compiler's vector extension: one source for every instruction set.
// Expects LANES to be defined by the including file.
#pragma once
#include "../kernels.h"
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef float vf_unaligned __attribute__((ext_vector_type(LANES), aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf splat(float x) { return x - (vf){}; }
// The first `count` lanes, the others zero; reads nothing past them.
INLINE vf load_part(const float *p, long count) {
    vf v = {};
    memcpy(&v, p, sizeof(float) * count);
    return v;
}
INLINE void store_part(float *p, vf v, long count) { memcpy(p, &v, sizeof(float) * count); }
// One instruction each: what becomes of a NaN is left open, unlike in the compiler's own maximum.
INLINE vf maximum(vf a, vf b) { return a > b ? a : b; }
INLINE vf minimum(vf a, vf b) { return a < b ? a : b; }
INLINE bool any_greater(vf a, vf b) { return __builtin_reduce_or(a > b) != 0; }
INLINE float sum_lanes(vf v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

typedef uint16_t vh __attribute__((ext_vector_type(LANES)));
typedef uint16_t vh_unaligned __attribute__((ext_vector_type(LANES), aligned(2), may_alias));
typedef uint32_t vu __attribute__((ext_vector_type(LANES)));
typedef uint8_t vb __attribute__((ext_vector_type(LANES)));

// To the nearest bfloat16, ties to even. Activations are finite, so NaNs need no care here: one that overflows its
// payload becomes an infinity or a zero, and the picture's last check finds what is not finite.
INLINE vh to_bf16(vf v) {
#ifdef HAS_BF16_CONVERSION
    return (vh)_mm512_cvtneps_pbh((__m512)v);
#else
    const vu bits = (vu)v;
    return __builtin_convertvector((bits + 0x7fff + (bits >> 16 & 1)) >> 16, vh);
#endif
}
INLINE void store_bf16(uint16_t *p, vf v) { *(vh_unaligned *)p = to_bf16(v); }
INLINE void store_bf16_part(uint16_t *p, vf v, long count) {
    const vh half = to_bf16(v);
    memcpy(p, &half, sizeof(uint16_t) * count);
}
// Two rows as units of two: the first in the lower halves.
INLINE vf pair_bf16(vf low, vf high) {
    const vu a = (vu)low, b = (vu)high;
    const vu low_bits = (a + 0x7fff + (a >> 16 & 1)) >> 16, high_bits = b + 0x7fff + (b >> 16 & 1);
    return (vf)(low_bits | (high_bits & 0xffff0000u));
}
INLINE float bf16_value(uint16_t x) {
    const uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
// Value i of an array of either element.
INLINE void store_element(limn_element element, void *p, long i, vf v) {
    if (element == LIMN_F32)
        store((float *)p + i, v);
    else
        store_bf16((uint16_t *)p + i, v);
}
INLINE void store_element_part(limn_element element, void *p, long i, vf v, long count) {
    if (element == LIMN_F32)
        store_part((float *)p + i, v, count);
    else
        store_bf16_part((uint16_t *)p + i, v, count);
}

// Whole cache lines that nobody reads soon, written past the cache: a line that is not there need not be fetched first.
// Such writes are ordered before what follows by finish_streaming alone.
enum { LINE_BYTES = 64 };
INLINE void store_streaming(float *p, vf v) { __builtin_nontemporal_store(v, (vf *)p); }
INLINE void store_line_bf16(uint16_t *p, vf low, vf high) {
    typedef uint16_t line __attribute__((ext_vector_type(2 * LANES)));
    line both;
    const vh first = to_bf16(low), second = to_bf16(high);
    memcpy(&both, &first, sizeof first);
    memcpy((char *)&both + sizeof first, &second, sizeof second);
    __builtin_nontemporal_store(both, (line *)p);
}
INLINE void finish_streaming(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

// 2^n for an integral n in -126…127.
INLINE vf power_of_two(vf n) { return (vf)((__builtin_convertvector(n, vi) + 127) << 23); }
// To the nearest integer, for |x| < 2^22: adding 1.5·2^23 leaves no bits for a fraction.
INLINE vf round_near(vf x) {
    const vf magic = splat(12582912.0f);
    return (x + magic) - magic;
}

// exp(x), relative error about 1e-7; x is clamped to the range of normal floats.
INLINE vf exponential(vf x) {
    x = minimum(maximum(x, splat(-87.3f)), splat(88.0f));
    const vf n = round_near(x * 1.44269504f);
    vf f = x - n * 0.693359375f;  // ln 2 in two parts (Cody and Waite)
    f = f + n * 2.12194440e-4f;
    vf p = splat(1.3981999507e-3f);
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * (f * f) + (f + 1.0f);
    return p * power_of_two(n);
}

// 2^x for x ≤ 0 (softmax), relative error about 2e-7; below -126 it is as good as zero.
INLINE vf exponential2(vf x) {
    x = maximum(x, splat(-126.0f));
    const vf n = round_near(x);
    const vf f = x - n;
    vf p = splat(1.535336188e-4f);
    p = p * f + 1.339887440e-3f;
    p = p * f + 9.618437357e-3f;
    p = p * f + 5.550332548e-2f;
    p = p * f + 2.402264791e-1f;
    p = p * f + 6.931472028e-1f;
    p = p * f + 1.0f;
    return p * power_of_two(n);
}

INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exponential(-x)); }
INLINE vf silu(vf x) { return x * sigmoid(x); }
INLINE vf quick_gelu(vf x) { return x * sigmoid(1.702f * x); }

// x·Φ(x) with erf after Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7), from t = 1 / (1 + 0.3275911 |z|) and
// exp(-z²) for z = x / √2.
INLINE vf gelu_from(vf x, vf t, vf power) {
    vf p = splat(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const vf tail = p * t * power;  // 1 - erf(|z|)
    return 0.5f * x * (1.0f + __builtin_elementwise_copysign(1.0f - tail, x));
}
INLINE vf gelu(vf x) {
    const vf z = x * 0.70710678f;
    return gelu_from(x, 1.0f / (maximum(z, -z) * 0.3275911f + 1.0f), exponential(-z * z));
}

// ---- For results that are stored as bfloat16, which keeps less than these

// 2^x for x ≤ 127, relative error 7e-5.
INLINE vf exponential2_coarse(vf x) {
    const vf magic = splat(12582912.0f);  // 1.5·2^23: the integer part is left in the low bits
    x = maximum(x, splat(-126.0f));
    const vf shifted = x + magic, f = x - (shifted - magic);
    vf p = splat(5.517167e-2f);
    p = p * f + 2.4261114e-1f;
    p = p * f + 6.9326099e-1f;
    p = p * f + 9.9992807e-1f;
    return (vf)((vi)p + ((vi)shifted << 23));
}

// Relative error 6e-5.
INLINE vf reciprocal_coarse(vf x) {
#ifdef HAS_BF16_CONVERSION
    return (vf)_mm512_rcp14_ps((__m512)x);
#else
    return 1.0f / x;
#endif
}

INLINE vf sigmoid_coarse(vf x) {
    return reciprocal_coarse(1.0f + exponential2_coarse(minimum(x * -1.44269504f, splat(126.0f))));
}

INLINE vf gelu_coarse(vf x) {
    const vf z = x * 0.70710678f;
    const vf t = reciprocal_coarse(maximum(z, -z) * 0.3275911f + 1.0f);
    return gelu_from(x, t, exponential2_coarse(z * z * -1.44269504f));
}

// What `element` keeps of an activation.
INLINE vf silu_for(limn_element element, vf x) { return element == LIMN_BF16 ? x * sigmoid_coarse(x) : silu(x); }
INLINE vf quick_gelu_for(limn_element element, vf x) {
    return element == LIMN_BF16 ? x * sigmoid_coarse(1.702f * x) : quick_gelu(x);
}
INLINE vf gelu_for(limn_element element, vf x) { return element == LIMN_BF16 ? gelu_coarse(x) : gelu(x); }
