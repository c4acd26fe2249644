// The harness, and the program: every set of kernels that the (emulated) CPU has, operation by operation.
#include "harness.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Values

static uint64_t state;

void seed_values(uint64_t seed) { state = seed; }

// SplitMix64 (Steele et al. 2014).
static uint64_t next(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

float any_value(float deviation) { return ((float)(next() >> 40) * 0x1p-23f - 1) * 1.7320508f * deviation; }
long any_of(const long *choices, long count) { return choices[next() % (uint64_t)count]; }

// ---- Memory

enum { GUARD = 256, MOST_BLOCKS = 64 };
static struct {
    char *start;
    size_t bytes;
} blocks[MOST_BLOCKS];
static long block_count;

void *reserve(size_t bytes) {
    const size_t padded = (bytes + 63) / 64 * 64 + 2 * GUARD;
    if (block_count == MOST_BLOCKS) abort();
    char *start = aligned_alloc(64, padded);
    if (!start) abort();
    memset(start, 0xFF, padded);  // NaNs in every format
    blocks[block_count].start = start, blocks[block_count++].bytes = bytes;
    return start + GUARD;
}

float *values(long count, float deviation) {
    float *result = reserve(sizeof(float) * (size_t)count);
    for (long i = 0; i < count; i++) result[i] = any_value(deviation);
    return result;
}

void release_all(const char *what) {
    for (; block_count > 0; block_count--) {
        const char *start = blocks[block_count - 1].start;
        const size_t bytes = blocks[block_count - 1].bytes, end = (bytes + 63) / 64 * 64 + 2 * GUARD;
        for (size_t i = 0; i < end; i++) {
            if (i == GUARD) i += bytes;
            if (i < end && start[i] != (char)0xFF) {
                printf("FAILED: %s writes outside of its memory, %ld bytes from the start of %zu\n", what,
                       (long)i - GUARD, bytes);
                exit(1);
            }
        }
        free(blocks[block_count - 1].start);
    }
}

// ---- Comparisons

static const char *set_name, *operation_name;
static long cases;
static double worst;
static int failed;

void begin(const limn_kernels *kernels, const char *operation) {
    set_name = limn_kernels_name(kernels), operation_name = operation, cases = 0, worst = 0;
    uint64_t hash = 1469598103934665603u;
    for (const char *c = operation; *c; c++) hash = (hash ^ (uint64_t)*c) * 1099511628211u;
    seed_values(hash);
}

static void fail(const char *format, va_list arguments) {
    failed++;
    printf("FAILED: %s, %s: ", set_name, operation_name);
    vprintf(format, arguments);
    printf("\n");
}

void expect_near(const float *found, const double *expected, long count, double bound, const char *format, ...) {
    double difference = 0, norm = 0;
    for (long i = 0; i < count; i++) {
        difference += (found[i] - expected[i]) * (found[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    const double least = (double)count / 4, error = sqrt(difference / (norm > least ? norm : least));
    cases++;
    if (error / bound > worst) worst = error / bound;
    if (error < bound) return;  // false for a NaN
    va_list arguments;
    va_start(arguments, format);
    fail(format, arguments);
    va_end(arguments);
    printf("        error %g, allowed %g\n", error, bound);
}

void expect(bool holds, const char *format, ...) {
    cases++;
    if (holds) return;
    va_list arguments;
    va_start(arguments, format);
    fail(format, arguments);
    va_end(arguments);
}

void end(void) {
    printf("%-9s %-28s %4ld cases, errors up to %2.0f %% of what is allowed\n", set_name, operation_name, cases,
           100 * worst);
    fflush(stdout);
}

int failures(void) { return failed; }

// ---- Formats and formulas

float from_bf16(uint16_t bits) {
    const uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, 4);
    return value;
}

uint16_t to_bf16_bits(float value) {
    // The nearer of the two neighbours, found by trying; ties to even.
    uint32_t word;
    memcpy(&word, &value, 4);
    const uint16_t low = (uint16_t)(word >> 16), high = (uint16_t)(low + 1);
    const double below = fabs((double)value - from_bf16(low)), above = fabs((double)from_bf16(high) - value);
    return below < above || (below == above && low % 2 == 0) ? low : high;
}

float from_f16_bits(uint16_t bits) {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return mantissa ? NAN : (float)(sign * INFINITY);
    return (float)(sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24)));
}

float *as_floats(limn_element element, const void *output, long count) {
    float *result = reserve(sizeof(float) * (size_t)count);
    for (long i = 0; i < count; i++)
        result[i] = element == LIMN_F32 ? ((const float *)output)[i] : from_bf16(((const uint16_t *)output)[i]);
    return result;
}

double plain_silu(double x) { return x / (1 + exp(-x)); }

static double plain_gelu(double x) { return x * 0.5 * (1 + erf(x / sqrt(2))); }

double activate(limn_activation activation, double x, double gate) {
    switch (activation) {
        case LIMN_ACTIVATION_NONE: return x;
        case LIMN_ACTIVATION_SILU: return plain_silu(x);
        case LIMN_ACTIVATION_GELU: return plain_gelu(x);
        case LIMN_ACTIVATION_QUICK_GELU: return x / (1 + exp(-1.702 * x));
        case LIMN_ACTIVATION_GEGLU: return x * plain_gelu(gate);
        case LIMN_ACTIVATION_RELU: return x > 0 ? x : 0;
    }
    return NAN;
}

int main(void) {
    bool has_neon = false;
    const limn_kernels *kernels;
    for (long i = 0; (kernels = limn_kernels_at(i)); i++) {
        has_neon |= strcmp(limn_kernels_name(kernels), "neon") == 0;
        check_packing(kernels);
        check_linear(kernels);
        check_convolutions(kernels);
        check_attention(kernels);
        check_norms(kernels);
        check_elementwise(kernels);
    }
    begin(limn_kernels_best(), "the choice");
    expect(has_neon && strcmp(limn_kernels_name(limn_kernels_best()), "neon") == 0, "the best set is not neon");
    expect(limn_affinity_cores() >= 1, "no cores");
    end();
    printf(failed ? "%d checks failed\n" : "all checks passed\n", failed);
    return failed != 0;
}
