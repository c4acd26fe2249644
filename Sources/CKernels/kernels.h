// The table behind the public header: one instance per instruction set, filled by operations/table.h.
#pragma once
#include "limn_kernels.h"

struct limn_kernels {
    const char *name;
    long panel;  // columns in a packed panel
    // Whether a product's rows are those of one picture: where the bits of a row depend on how many rows there are.
    bool pictures_apart;
    // By element: how operations are cut into tasks.
    long task_rows[3], task_queries[2];
    void (*pack_task)(limn_element, const limn_weight *, void *packed, long panel, void *scratch);
    // By element; NULL where the set has no such product.
    void (*convolution_task[3])(const limn_convolution *, long task, void *scratch);
    // Linear layers of float32 by other means than convolutions; NULL where there are none.
    void (*linear_task_f32)(const limn_convolution *, long task, void *scratch);
    size_t (*scratch_linear_f32)(const limn_convolution *);
    void (*winograd_task[3])(const limn_convolution *, long task, void *scratch);
    void (*attention_task[2])(const limn_attention *, long task, void *scratch);
    // Bytes that a bfloat16 task wants, where that is not what the other sets want; else NULL.
    size_t (*scratch_attention_bf16)(const limn_attention *);
    size_t (*scratch_convolution_bf16)(const limn_convolution *);
    void (*group_norm_statistics_task)(const limn_group_norm *, long task);
    void (*group_norm_apply_task)(const limn_group_norm *, long task);
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, long channels,
                       long first, long last, limn_element output_element, void *output);
    void (*rms_norm)(const float *x, const float *weight, float epsilon, long channels, long first, long last,
                     limn_element output_element, void *output);
    void (*silu)(const float *x, long count, float *output);
    void (*gate_rows)(const float *x, long channels, long first, long last, limn_element, void *output);
    void (*rectify_rows)(const float *x, long channels, long first, long last, limn_element, void *output);
    void (*stored_to_f32)(limn_stored stored, const void *x, long count, float *output);
    void (*rows_to_bf16)(const float *x, long channels, const float *second, long second_channels,
                       long first, long last,
                         uint16_t *output);
    void (*rows_to_int8)(limn_element, const void *x, long channels, long first, long last, uint8_t *output,
                         float *scales);
};

extern const limn_kernels limn_kernels_portable;
#if defined(__x86_64__)
extern const limn_kernels limn_kernels_amx, limn_kernels_avx512bf16, limn_kernels_avx512, limn_kernels_avx2;
// Whether the CPU has AMX and the system lets this process use it.
bool limn_amx_is_usable(void);
#elif defined(__aarch64__)
extern const limn_kernels limn_kernels_neon;
#endif

// How operations are cut into tasks; shared by all instruction sets.
enum {
    ROWS_PER_TASK = 96,      // output rows of a product task: a multiple of the 6-row microkernel
    ROWS_PER_TILE_TASK = 256,  // where tiles do it: more, for the weights must come from further than they are used
    QUERY_PANELS = 4,        // panels of queries in a task of attention through tiles
    PANELS_PER_TASK = 5,     // at most
    KEYS_PER_BLOCK = 128,    // attention: keys between two updates of the running softmax
    NORM_ROWS = 64,          // rows of a group-norm task
    COMBINED_ROWS = 2048,    // rows of a task of a norm whose sources all come with statistics
    STREAMED_BYTES = 32 << 20,  // outputs of so many bytes are written past the cache
};
extern const float limn_zeros[LIMN_MAX_CHANNELS];

static inline long ceil_div(long a, long b) { return (a + b - 1) / b; }
// Values of one unit of a product's depth: a float, two bfloat16 or four 8-bit integers.
static inline long unit_values(limn_element element) { return element == LIMN_F32 ? 1 : element == LIMN_BF16 ? 2 : 4; }
// Units of the depth of a packed panel. Those of 8-bit integers are as many as fill whole tiles.
static inline long packed_units(limn_element element, long in) {
    if (element == LIMN_INT8) return ceil_div(in, LIMN_INT8_ROW) * (LIMN_INT8_ROW / 4);
    return ceil_div(in, unit_values(element));
}
static inline long stored_bytes(limn_stored stored) { return stored == LIMN_STORED_F32 ? 4 : 2; }
static inline size_t element_bytes(limn_element element) { return 4 / unit_values(element); }

// To the nearest bfloat16, ties to even; a NaN stays one.
static inline uint16_t bf16_from(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline long min_long(long a, long b) { return a < b ? a : b; }

// Columns of output that one panel yields: GEGLU panels hold as many gates as values.
static inline long panel_outputs(long panel, limn_activation activation) {
    return activation == LIMN_ACTIVATION_GEGLU ? panel / 2 : panel;
}

// Inputs that are packed at a time, an even number: enough of each row to read whole cache lines of it.
static inline long packing_block(const limn_weight *w) {
    const long enough = 512 / w->taps / 2 * 2;
    return enough < 2 ? 2 : enough;
}

// Rows of a task of a norm's statistics.
static inline long statistics_rows(const limn_group_norm *g) {
    const bool are_there = g->statistics[0] && (g->statistics[1] || g->channels[1] == 0);
    return are_there ? COMBINED_ROWS : NORM_ROWS;
}

// The cut of a product: blocks of rows × groups of panels. Small products get narrower groups, so that there are
// enough tasks for several cores. Blocks begin anew with every `rows_together` rows.
typedef struct {
    long rows_together, task_rows, blocks_together, row_blocks, panels, panels_per_task, panel_groups;
} product_cut;
product_cut limn_product_cut(const limn_convolution *c, long panel, long task_rows, bool pictures_apart);

// The first row of a block.
static inline long block_start(const product_cut *cut, long block) {
    return block / cut->blocks_together * cut->rows_together + block % cut->blocks_together * cut->task_rows;
}
// How many rows a block has.
static inline long block_rows(const product_cut *cut, long block) {
    return min_long(cut->task_rows, cut->rows_together - block % cut->blocks_together * cut->task_rows);
}
