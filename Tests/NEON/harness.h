// What the checks of kernels share: seeded values, memory with guards around it, and comparisons that are counted.
#pragma once
#include "limn_kernels.h"

#define COUNT(array) ((long)(sizeof(array) / sizeof *(array)))

// Uniform around zero, with this deviation; the same values on every run.
void seed_values(uint64_t seed);
float any_value(float deviation);
long any_of(const long *choices, long count);
#define ANY(...) any_of((const long[]){__VA_ARGS__}, COUNT(((const long[]){__VA_ARGS__})))

// Memory of exactly so many bytes between guards, filled with NaNs: what is read before it was written shows in the
// result, what is written beyond the end in `check_guards`. Freed by `release_all`.
void *reserve(size_t bytes);
float *values(long count, float deviation);
// Ends the program if something was written outside of what was reserved; then frees all of it.
void release_all(const char *what);

// Which operation the next comparisons belong to.
void begin(const limn_kernels *kernels, const char *operation);
// The root mean square of the difference, relative to that of the expected values where those exceed one half, must
// stay below the bound, and every value be finite.
void expect_near(const float *found, const double *expected, long count, double bound, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Prints a line for the operation.
void end(void);
int failures(void);

// Values of an output of either element.
float *as_floats(limn_element element, const void *output, long count);
float from_bf16(uint16_t bits);
uint16_t to_bf16_bits(float value);
float from_f16_bits(uint16_t bits);
// What an output may be off: three bits fewer than bfloat16's eight where it is stored so.
static inline double bound_of(limn_element element, double exact) { return element == LIMN_F32 ? exact : 4e-3; }

// x after its activation, in double precision; `gate` matters to GEGLU only.
double activate(limn_activation activation, double x, double gate);
double plain_silu(double x);

// The checks, each of one set of kernels.
void check_linear(const limn_kernels *);
void check_convolutions(const limn_kernels *);
void check_attention(const limn_kernels *);
void check_norms(const limn_kernels *);
void check_elementwise(const limn_kernels *);
void check_packing(const limn_kernels *);
