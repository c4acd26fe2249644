// The hot loops of Limn, named by what they compute. Nothing here allocates, does I/O or starts threads: every
// operation is cut into numbered tasks, independent of each other, which the caller spreads over its threads.
// The cut depends on the shapes alone, so results are the same bits for any number of threads.
//
// Activations are [batch, height, width, channels] in memory, float32, contiguous.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A set of kernels compiled for one instruction set.
typedef struct limn_kernels limn_kernels;

// The fastest set that this CPU can run.
const limn_kernels *limn_kernels_best(void);
// The i-th set that this CPU can run, fastest first; NULL past the end.
const limn_kernels *limn_kernels_at(long index);
// "avx512bf16", "avx512", "avx2", "neon" or "portable".
const char *limn_kernels_name(const limn_kernels *kernels);

// Cores that the process may run on by its affinity mask; 0 if that cannot be told.
long limn_affinity_cores(void);

// Tells the CPU that the calling thread is spinning.
static inline void limn_spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// ---- Packed weights -------------------------------------------------------------------------------------------

typedef enum {
    LIMN_ACTIVATION_NONE,
    LIMN_ACTIVATION_SILU,
    LIMN_ACTIVATION_GELU,        // x·Φ(x), exact (erf)
    LIMN_ACTIVATION_QUICK_GELU,  // x·sigmoid(1.702 x)
    LIMN_ACTIVATION_GEGLU,       // value · gelu(gate): the weights hold [value rows; gate rows]
    LIMN_ACTIVATION_RELU,        // max(x, 0), after the residual is added
} limn_activation;

// What a product's operands are stored as; sums are always float32. A row of bfloat16 holds an even number of
// values, the last one zero where the channels are odd. 8-bit integers are for linear layers only; theirs are rows of
// multiples of LIMN_INT8_ROW, as limn_rows_to_int8 writes them.
typedef enum { LIMN_F32, LIMN_BF16, LIMN_INT8 } limn_element;
enum { LIMN_INT8_ROW = 64, LIMN_INT8_ROWS = 16 };

// Whether this set multiplies such operands.
bool limn_kernels_support(const limn_kernels *kernels, limn_element element);
// Whether its bfloat16 products are faster than its float32 ones on this CPU.
bool limn_kernels_prefer_bf16(const limn_kernels *kernels);

// How a convolution is computed, which decides the packed form of its weights. The Winograd algorithms compute
// 3×3 convolutions of stride 1 (any padding, two sources, resizing; not GEGLU), with 4 and 2.25 times fewer products
// for 4 and 16/9 times the weights. LIMN_SUBPIXEL computes 3×3 convolutions of an input that is resized to exactly
// twice its size (stride 1, padding 1; not GEGLU) as four convolutions of 2×2, one for each of the four pixels that a
// pixel becomes: taps that meet the same pixel are added beforehand. 2.25 times fewer products for 16/9 times the weights.
typedef enum { LIMN_DIRECT, LIMN_WINOGRAD_2, LIMN_WINOGRAD_4, LIMN_SUBPIXEL } limn_algorithm;

// Whether this set computes convolutions of such operands so.
bool limn_kernels_have(const limn_kernels *kernels, limn_algorithm algorithm, limn_element element);
// Values that the packed form holds for one input and output: taps, the 16 or 36 points of Winograd's transform, or the
// 4 taps of 4 convolutions.
long limn_algorithm_points(limn_algorithm algorithm, long taps);

// Bytes that the packed form of an [out, in, taps] weight takes; with Winograd, points stand for taps.
size_t limn_packed_bytes(const limn_kernels *kernels, limn_element element, long out, long in, long taps,
                         limn_activation activation);
// Number of column panels of the packed form, one packing task each.
long limn_packed_panels(const limn_kernels *kernels, long out, limn_activation activation);
// What the values of a checkpoint are stored as.
typedef enum { LIMN_STORED_F32, LIMN_STORED_F16, LIMN_STORED_BF16 } limn_stored;
enum { LIMN_MAX_PARTS = 3 };

// A weight as checkpoints hold it, row-major [rows, in, taps], at any address. Several linears over one input are its
// parts, the rows of one after those of the other.
typedef struct {
    const void *parts[LIMN_MAX_PARTS];
    limn_stored stored[LIMN_MAX_PARTS];
    long part_rows;  // of each part; together `out`, for GEGLU 2·out
    long out, in, taps;
    limn_activation activation;
    limn_algorithm algorithm;
} limn_weight;

// Bytes of scratch memory that packing takes.
size_t limn_pack_scratch(const limn_kernels *kernels, const limn_weight *weight);
// Packs panel `panel` into [panel][tap][in][panel width]; in bfloat16 two inputs make one unit:
// [panel][tap][in / 2][panel width][2], or, where tiles multiply, [panel][strip][tap][in / 2][32][2]. With Winograd,
// points stand for taps; LIMN_SUBPIXEL has four such forms of four taps, one after the other. As 8-bit integers (one
// tap), four make a unit: [panel][in / 4][panel width][4], and each panel ends in its columns' scales, [panel width] float32, and
// [panel width] int32 to be taken from their sums.
void limn_pack_task(const limn_kernels *kernels, limn_element element, const limn_weight *weight, void *packed,
                    long panel, void *scratch);

// ---- Convolution and linear -----------------------------------------------------------------------------------

// The most channels one source of a convolution with padding may have (length of the shared row of zeros).
enum { LIMN_MAX_CHANNELS = 16384, LIMN_MAX_TAPS = 49 };

// output = activation(conv(resize(concat(sources))) + bias + batch_bias) + residual.
// A linear layer is a 1×1 convolution over [1, 1, rows, channels]. No im2col, no padded or resized copy: the
// product kernel follows one pointer a row and tap.
typedef struct {
    limn_algorithm algorithm;
    limn_element element;     // of sources and weights
    const float *row_scales;  // of 8-bit integers: what a step of each row's values is worth
    const void *source[2];    // concatenated along the channels; the second may be NULL with 0 channels
    long channels[2];         // bfloat16 takes one source only
    long batch, in_height, in_width;
    long resized_height, resized_width;  // nearest-neighbour resize before the convolution; = in_* for none
    long kernel_height, kernel_width, stride, pad_top, pad_left;
    long out_height, out_width, out_channels;
    long spread;  // pixels of the output lie so far apart in both directions: 1, and 2 in a part of LIMN_SUBPIXEL
    const void *weights;      // packed
    const float *bias;        // [out] (GEGLU: [2·out]) or NULL
    const float *batch_bias;  // [batch, out] or NULL: the time embedding of a resnet block
    const float *residual;    // like output, or NULL
    limn_activation activation;
    limn_element output_element;
    void *output;  // [batch, out_height, out_width, out_channels]
    // NULL, or where the output's statistics go, for a norm to come: [batch, blocks, 2, out_channels], for every block
    // of LIMN_STATISTICS_ROWS pixels of a picture, in whatever order, mean and summed squared deviation from it.
    float *statistics;
} limn_convolution;
enum { LIMN_STATISTICS_ROWS = 32 };

// Whether this set writes statistics of such an output.
bool limn_convolution_has_statistics(const limn_kernels *kernels, const limn_convolution *c);

long limn_convolution_tasks(const limn_kernels *kernels, const limn_convolution *c);
size_t limn_convolution_scratch(const limn_kernels *kernels, const limn_convolution *c);
void limn_convolution_task(const limn_kernels *kernels, const limn_convolution *c, long task, void *scratch);

// ---- Attention ------------------------------------------------------------------------------------------------

// output[b, i, h] = softmax(scale · q[b, i, h] · k[b, :, h]) · v[b, :, h], streamed over blocks of keys: never a
// whole score matrix. Row strides are in values, so that q, k and v may lie side by side in one product.
typedef struct {
    limn_element element;  // of query, key, values and output
    const void *query;     // [batch, queries, heads·dim] rows of query_stride
    const void *key;       // [batch, keys, heads·dim] rows of key_stride
    const void *values;    // [batch, heads, dim, keys]: transposed by limn_transpose_values_task; bfloat16 rows
                           // are padded to an even number of keys, and dim must be even
    long query_stride, key_stride;
    long batch, heads, dim, queries, keys;
    float scale;
    bool causal;
    void *output;  // [batch, queries, heads·dim], contiguous
    // Added to the scaled scores, or NULL.
    const float *bias;      // [heads, keys, queries], the same for every picture
    const float *key_bias;  // [batch, keys]: far below zero for keys that nobody may see, of which each picture has
                            // one in the first hundred that may be seen
} limn_attention;

long limn_attention_tasks(const limn_kernels *kernels, const limn_attention *a);
size_t limn_attention_scratch(const limn_kernels *kernels, const limn_attention *a);
void limn_attention_task(const limn_kernels *kernels, const limn_attention *a, long task, void *scratch);

// [batch, keys, heads·dim] rows of `stride` → [batch, heads, dim, keys]; tasks = batch · heads.
void limn_transpose_values_task(limn_element element, const void *values, long stride, long heads, long dim, long keys,
                                void *out, long task);

// ---- Normalisation --------------------------------------------------------------------------------------------

// Group normalisation over concat(sources), with SiLU if asked. Three phases: statistics (tasks), finish (one
// call), apply (tasks). Statistics are two-pass within a chunk of rows, or come from the convolution that made the
// source, and are combined in double precision.
typedef struct {
    const float *source[2];
    long channels[2];
    const float *statistics[2];  // of blocks of each source, as a convolution left them; NULL: yet to be found
    long batch, pixels, groups;
    float epsilon;
    const float *weight, *bias;  // [channels]
    const float *modulation;     // [batch, 2, channels] or NULL: y·(1 + m[0]) + m[1] after the norm
    bool silu;
    double *partials;  // limn_group_norm_partials() doubles
    float *affine;     // [batch, 2, channels]: scale and shift
    limn_element output_element;
    void *output;  // [batch, pixels, channels]
} limn_group_norm;

long limn_group_norm_statistics_tasks(const limn_group_norm *g);
long limn_group_norm_apply_tasks(const limn_group_norm *g);
long limn_group_norm_partials(const limn_group_norm *g);
void limn_group_norm_statistics_task(const limn_kernels *kernels, const limn_group_norm *g, long task);
void limn_group_norm_finish(const limn_group_norm *g);
void limn_group_norm_apply_task(const limn_kernels *kernels, const limn_group_norm *g, long task);

// Layer normalisation of rows [first, last) of [rows, channels].
void limn_layer_norm(const limn_kernels *kernels, const float *x, const float *weight, const float *bias, float epsilon,
                     long channels, long first, long last, limn_element output_element, void *output);

// Root mean square normalisation of rows [first, last) of [rows, channels]: x / √(mean x² + ε) · weight.
void limn_rms_norm(const limn_kernels *kernels, const float *x, const float *weight, float epsilon, long channels,
                   long first, long last, limn_element output_element, void *output);

// ---- Elementwise ----------------------------------------------------------------------------------------------

void limn_silu(const limn_kernels *kernels, const float *x, long count, float *output);
// gelu(gate) · value of rows [first, last) of x, [rows, 2, channels] with the gates first; GELU by tanh. The output's
// channels are an even number where it is bfloat16.
void limn_gate_rows(const limn_kernels *kernels, const float *x, long channels, long first, long last,
                    limn_element output_element, void *output);
// max(x, 0) of rows [first, last) of [rows, channels], an even number of them where the output is bfloat16.
void limn_rectify_rows(const limn_kernels *kernels, const float *x, long channels, long first, long last,
                       limn_element output_element, void *output);
// Rows [first, last) of concat(x, second), [rows, channels], as bfloat16, each row padded to an even number of values.
void limn_rows_to_bf16(const limn_kernels *kernels, const float *x, long channels, const float *second,
                       long second_channels, long first, long last, uint16_t *output);
// Rows [first, last) of x, [rows, channels] of float32 or bfloat16, as 8-bit integers in steps of a 127th of the row's
// largest magnitude; `scales` gets the steps, [rows]. A row that is not finite gets a step that is not either. Output
// rows are a multiple of LIMN_INT8_ROW; the product reads, but does not use, rows up to a multiple of LIMN_INT8_ROWS.
// What the integers look like is the set's own business.
void limn_rows_to_int8(const limn_kernels *kernels, limn_element element, const void *x, long channels, long first,
                       long last, uint8_t *output, float *scales);
// Values of a checkpoint, at any address.
void limn_stored_to_f32(const limn_kernels *kernels, limn_stored stored, const void *x, long count, float *output);
// Whether none of them is infinite or no number.
bool limn_stored_is_finite(limn_stored stored, const void *x, long count);

// ---- Merging --------------------------------------------------------------------------------------------------

// result = keep·result + scale·left·right; left is [rows, depth], right [depth, columns], all row-major. Sizes below
// 2³¹; with keep 0, what result holds is not read.
void limn_add_product(long rows, long columns, long depth, float scale, const float *left, const float *right,
                      float keep, float *result);
