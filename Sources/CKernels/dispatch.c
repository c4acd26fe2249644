// Which kernels this CPU can run, and what all of them share: cutting into tasks, packing, small serial parts.
#include "winograd_cut.h"
#include <cblas.h>
#include <math.h>
#include <string.h>

const float limn_zeros[LIMN_MAX_CHANNELS];

static bool runs_here(const limn_kernels *kernels) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kernels == &limn_kernels_amx) return runs_here(&limn_kernels_avx512bf16) && limn_amx_is_usable();
    if (kernels == &limn_kernels_avx512bf16)
        return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni")
            && runs_here(&limn_kernels_avx512);
    if (kernels == &limn_kernels_avx512)
        return runs_here(&limn_kernels_avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (kernels == &limn_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
            && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#endif
    return true;
}

const limn_kernels *limn_kernels_at(long index) {
    static const limn_kernels *const fastest_first[] = {
#if defined(__x86_64__)
        &limn_kernels_amx, &limn_kernels_avx512bf16, &limn_kernels_avx512, &limn_kernels_avx2,
#elif defined(__aarch64__)
        &limn_kernels_neon,
#endif
        &limn_kernels_portable,
    };
    for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++)
        if (runs_here(fastest_first[i]) && index-- == 0) {
            // The caller's threads are enough.
            if (fastest_first[i] == &limn_kernels_portable) openblas_set_num_threads(1);
            return fastest_first[i];
        }
    return NULL;
}

const limn_kernels *limn_kernels_best(void) { return limn_kernels_at(0); }
const char *limn_kernels_name(const limn_kernels *kernels) { return kernels->name; }

// ---- Packed weights

long limn_packed_panels(const limn_kernels *kernels, long out, limn_activation activation) {
    return ceil_div(out, panel_outputs(kernels->panel, activation));
}

size_t limn_packed_bytes(const limn_kernels *kernels, limn_element element, long out, long in, long taps,
                         limn_activation activation) {
    const size_t units = packed_units(element, in) + (element == LIMN_INT8 ? 2 : 0);
    return 4 * limn_packed_panels(kernels, out, activation) * taps * units * kernels->panel;
}

bool limn_kernels_support(const limn_kernels *kernels, limn_element element) {
    return kernels->convolution_task[element] != NULL;
}

bool limn_kernels_prefer_bf16(const limn_kernels *kernels) {
#if defined(__x86_64__)
    if (kernels == &limn_kernels_amx) return true;
    // Intel's vectors multiply pairs of bfloat16 at half the rate of float32, AMD's at twice that rate.
    __builtin_cpu_init();
    if (kernels == &limn_kernels_avx512bf16) return !__builtin_cpu_is("intel");
#endif
    return false;
}

bool limn_kernels_have(const limn_kernels *kernels, limn_algorithm algorithm, limn_element element) {
    if (algorithm == LIMN_DIRECT) return limn_kernels_support(kernels, element);
    if (algorithm == LIMN_SUBPIXEL) return element != LIMN_INT8 && limn_kernels_support(kernels, element);
    return kernels->winograd_task[element] != NULL;
}

size_t limn_pack_scratch(const limn_kernels *kernels, const limn_weight *w) {
    const long taps = w->taps + (w->algorithm == LIMN_SUBPIXEL ? 4 : 0);
    return sizeof(float) * packing_block(w) * taps * kernels->panel;
}

void limn_pack_task(const limn_kernels *kernels, limn_element element, const limn_weight *w, void *packed, long panel,
                    void *scratch) {
    kernels->pack_task(element, w, packed, panel, scratch);
}

// ---- Convolution and linear

product_cut limn_product_cut(const limn_convolution *c, long panel, long task_rows, bool pictures_apart) {
    product_cut cut;
    const long pixels = c->out_height * c->out_width;
    cut.task_rows = task_rows;
    cut.rows_together = pictures_apart ? pixels : c->batch * pixels;
    cut.blocks_together = ceil_div(cut.rows_together, task_rows);
    cut.row_blocks = pictures_apart ? c->batch * cut.blocks_together : cut.blocks_together;
    cut.panels = ceil_div(c->out_channels, panel_outputs(panel, c->activation));
    const long enough = 16;
    const long most = PANELS_PER_TASK * 64 / panel;
    long groups = ceil_div(cut.panels, most);
    if (groups * cut.row_blocks < enough) groups = min_long(cut.panels, ceil_div(enough, cut.row_blocks));
    cut.panels_per_task = ceil_div(cut.panels, groups);
    cut.panel_groups = ceil_div(cut.panels, cut.panels_per_task);
    return cut;
}

// One of the four convolutions of 2×2 that a 3×3 one of a doubled picture is.
static limn_convolution subpixel_part(const limn_kernels *kernels, const limn_convolution *c, long part) {
    const long lower = part / 2, right = part % 2;
    limn_convolution small = *c;
    small.algorithm = LIMN_DIRECT;
    small.resized_height = small.out_height = c->in_height;
    small.resized_width = small.out_width = c->in_width;
    small.kernel_height = small.kernel_width = 2;
    small.pad_top = 1 - lower, small.pad_left = 1 - right;
    small.spread = 2;
    small.weights = (const char *)c->weights
        + part * limn_packed_bytes(kernels, c->element, c->out_channels, c->channels[0] + c->channels[1], 4,
                                   c->activation);
    small.output = (char *)c->output
        + (lower * c->out_width + right) * c->out_channels * (long)element_bytes(c->output_element);
    if (c->residual) small.residual = c->residual + (lower * c->out_width + right) * c->out_channels;
    if (c->statistics)
        small.statistics = c->statistics
            + part * (c->in_height * c->in_width / LIMN_STATISTICS_ROWS) * 2 * c->out_channels;
    return small;
}

// Whether the set has a way of its own for this one: a linear layer of enough depth, and enough rows of each picture,
// however many there are.
static bool is_special_linear(const limn_kernels *kernels, const limn_convolution *c) {
    const bool is_linear = c->kernel_height * c->kernel_width * c->stride == 1 && c->pad_top == 0 && c->pad_left == 0
        && c->resized_height == c->in_height && c->resized_width == c->in_width && c->out_height == c->in_height
        && c->out_width == c->in_width;
    return kernels->linear_task_f32 && c->element == LIMN_F32 && is_linear
        && c->out_height * c->out_width >= ROWS_PER_TILE_TASK && c->channels[1] == 0 && c->channels[0] >= 32;
}

bool limn_convolution_has_statistics(const limn_kernels *kernels, const limn_convolution *c) {
    const bool in_tiles = kernels->scratch_convolution_bf16 && c->element == LIMN_BF16;
    // The pixels of each of the parts that are computed on their own.
    const long parts = c->algorithm == LIMN_SUBPIXEL ? 4 : 1;
    return (in_tiles || is_special_linear(kernels, c)) && c->output_element == LIMN_F32
        && c->out_height * c->out_width % (parts * LIMN_STATISTICS_ROWS) == 0;
}

static long direct_tasks(const limn_kernels *kernels, const limn_convolution *c) {
    const long rows = is_special_linear(kernels, c) ? ROWS_PER_TILE_TASK : kernels->task_rows[c->element];
    const product_cut cut = limn_product_cut(c, kernels->panel, rows, kernels->pictures_apart);
    return cut.row_blocks * cut.panel_groups;
}

long limn_convolution_tasks(const limn_kernels *kernels, const limn_convolution *c) {
    if (c->algorithm == LIMN_SUBPIXEL) {
        const limn_convolution small = subpixel_part(kernels, c, 0);
        return 4 * direct_tasks(kernels, &small);
    }
    return c->algorithm == LIMN_DIRECT ? direct_tasks(kernels, c) : limn_winograd_tasks(kernels, c);
}

size_t limn_convolution_scratch(const limn_kernels *kernels, const limn_convolution *c) {
    if (c->algorithm == LIMN_SUBPIXEL) {
        const limn_convolution small = subpixel_part(kernels, c, 0);
        return limn_convolution_scratch(kernels, &small);
    }
    if (c->algorithm != LIMN_DIRECT) return limn_winograd_scratch(kernels, c);
    if (is_special_linear(kernels, c)) return kernels->scratch_linear_f32(c);
    const long rows = kernels->task_rows[c->element];
    const size_t pointers = sizeof(void *) * rows * 2 * c->kernel_height * c->kernel_width;
    if (kernels->scratch_convolution_bf16 && c->element == LIMN_BF16)
        return pointers + kernels->scratch_convolution_bf16(c);
    return pointers + sizeof(float) * rows * kernels->panel;
}

void limn_convolution_task(const limn_kernels *kernels, const limn_convolution *c, long task, void *scratch) {
    if (c->algorithm == LIMN_SUBPIXEL) {
        limn_convolution small = subpixel_part(kernels, c, 0);
        const long tasks = direct_tasks(kernels, &small);
        small = subpixel_part(kernels, c, task / tasks);
        kernels->convolution_task[c->element](&small, task % tasks, scratch);
    } else if (is_special_linear(kernels, c)) {
        kernels->linear_task_f32(c, task, scratch);
    } else if (c->algorithm == LIMN_DIRECT) {
        kernels->convolution_task[c->element](c, task, scratch);
    } else {
        kernels->winograd_task[c->element](c, task, scratch);
    }
}

// ---- Attention

long limn_attention_tasks(const limn_kernels *kernels, const limn_attention *a) {
    return a->batch * a->heads * ceil_div(a->queries, kernels->task_queries[a->element]);
}

size_t limn_attention_scratch(const limn_kernels *kernels, const limn_attention *a) {
    if (kernels->scratch_attention_bf16 && a->element == LIMN_BF16) return kernels->scratch_attention_bf16(a);
    const size_t panel = kernels->panel;
    const size_t rows = a->dim > KEYS_PER_BLOCK ? a->dim : KEYS_PER_BLOCK;
    // query panel, output panel, score tile, running maximum and sum, row pointers
    return sizeof(float) * panel * (2 * a->dim + KEYS_PER_BLOCK + 2) + sizeof(float *) * rows;
}

void limn_attention_task(const limn_kernels *kernels, const limn_attention *a, long task, void *scratch) {
    kernels->attention_task[a->element](a, task, scratch);
}

void limn_transpose_values_task(limn_element element, const void *values, long stride, long heads, long dim,
                                long keys, void *out, long task) {
    const long b = task / heads, h = task % heads, from = b * keys * stride + h * dim;
    const long row = ceil_div(keys, unit_values(element)) * unit_values(element), to = task * dim * row;
    enum { BLOCK = 16 };  // a tile of cache lines read and written whole
#define TRANSPOSE(type)                                                                                        \
    for (long k0 = 0; k0 < keys; k0 += BLOCK)                                                                  \
        for (long d0 = 0; d0 < dim; d0 += BLOCK)                                                               \
            for (long d = d0; d < min_long(d0 + BLOCK, dim); d++)                                              \
                for (long k = k0; k < min_long(k0 + BLOCK, keys); k++)                                         \
                    ((type *)out)[to + d * row + k] = ((const type *)values)[from + k * stride + d];
    if (element == LIMN_F32) {
        TRANSPOSE(float)
    } else {
        TRANSPOSE(uint16_t)
        if (row > keys)
            for (long d = 0; d < dim; d++) ((uint16_t *)out)[to + d * row + keys] = 0;
    }
#undef TRANSPOSE
}

// ---- Normalisation

static long statistics_chunks(const limn_group_norm *g) { return ceil_div(g->pixels, statistics_rows(g)); }

long limn_group_norm_statistics_tasks(const limn_group_norm *g) { return g->batch * statistics_chunks(g); }
long limn_group_norm_apply_tasks(const limn_group_norm *g) { return g->batch * ceil_div(g->pixels, NORM_ROWS); }

long limn_group_norm_partials(const limn_group_norm *g) { return limn_group_norm_statistics_tasks(g) * g->groups * 2; }

void limn_group_norm_statistics_task(const limn_kernels *kernels, const limn_group_norm *g, long task) {
    kernels->group_norm_statistics_task(g, task);
}

void limn_group_norm_finish(const limn_group_norm *g) {
    const long channels = g->channels[0] + g->channels[1], width = channels / g->groups;
    const long rows = statistics_rows(g), chunks = statistics_chunks(g);
    for (long b = 0; b < g->batch; b++)
        for (long group = 0; group < g->groups; group++) {
            // Chan's formula: combine (count, mean, sum of squared deviations) of the chunks.
            double count = 0, mean = 0, squares = 0;
            for (long chunk = 0; chunk < chunks; chunk++) {
                const double *partial = g->partials + ((b * chunks + chunk) * g->groups + group) * 2;
                const double n = (double)min_long(rows, g->pixels - chunk * rows) * width;
                const double delta = partial[0] - mean;
                squares += partial[1] + delta * delta * count * n / (count + n);
                mean += delta * n / (count + n);
                count += n;
            }
            const double inverse = 1 / sqrt(squares / count + g->epsilon);
            float *scale = g->affine + b * 2 * channels, *shift = scale + channels;
            for (long c = group * width; c < (group + 1) * width; c++) {
                const double slope = g->weight[c] * inverse, offset = g->bias[c] - mean * slope;
                const float *m = g->modulation ? g->modulation + b * 2 * channels : NULL;
                scale[c] = (float)(m ? slope * (1 + m[c]) : slope);
                shift[c] = (float)(m ? offset * (1 + m[c]) + m[channels + c] : offset);
            }
        }
}

void limn_group_norm_apply_task(const limn_kernels *kernels, const limn_group_norm *g, long task) {
    kernels->group_norm_apply_task(g, task);
}

void limn_layer_norm(const limn_kernels *kernels, const float *x, const float *weight, const float *bias,
                     float epsilon, long channels, long first, long last, limn_element output_element,
                     void *output) {
    kernels->layer_norm(x, weight, bias, epsilon, channels, first, last, output_element, output);
}

void limn_rms_norm(const limn_kernels *kernels, const float *x, const float *weight, float epsilon, long channels,
                   long first, long last, limn_element output_element, void *output) {
    kernels->rms_norm(x, weight, epsilon, channels, first, last, output_element, output);
}

// ---- Elementwise

void limn_gate_rows(const limn_kernels *kernels, const float *x, long channels, long first, long last,
                    limn_element output_element, void *output) {
    kernels->gate_rows(x, channels, first, last, output_element, output);
}

void limn_rectify_rows(const limn_kernels *kernels, const float *x, long channels, long first, long last,
                       limn_element output_element, void *output) {
    kernels->rectify_rows(x, channels, first, last, output_element, output);
}

void limn_silu(const limn_kernels *kernels, const float *x, long count, float *output) {
    kernels->silu(x, count, output);
}

void limn_stored_to_f32(const limn_kernels *kernels, limn_stored stored, const void *x, long count, float *output) {
    kernels->stored_to_f32(stored, x, count, output);
}

void limn_rows_to_int8(const limn_kernels *kernels, limn_element element, const void *x, long channels, long first,
                       long last, uint8_t *output, float *scales) {
    kernels->rows_to_int8(element, x, channels, first, last, output, scales);
}

void limn_rows_to_bf16(const limn_kernels *kernels, const float *x, long channels, const float *second,
                       long second_channels, long first, long last, uint16_t *output) {
    kernels->rows_to_bf16(x, channels, second, second_channels, first, last, output);
}
