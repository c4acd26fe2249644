// All operations for one instruction set, and the table of them. The product and what is built on it come once for
// each element that the set can multiply.
#pragma once
#include "elementwise.h"
#include "normalization.h"

#define TYPED(name) name##_f32
#define UNIT_VALUES 1
#define UNIT float
#define VALUE float
#include "product.h"
#include "convolution.h"
#include "attention.h"
#undef TYPED
#undef UNIT_VALUES
#undef UNIT
#undef VALUE

#ifdef HAS_BF16_PRODUCT
#include <immintrin.h>
#define PRODUCT_BF16
#define TYPED(name) name##_bf16
#define UNIT_VALUES 2
#define UNIT uint32_t
#define VALUE uint16_t
#include "product.h"
#include "convolution.h"
#include "attention.h"
#undef TYPED
#undef UNIT_VALUES
#undef UNIT
#undef VALUE
#define BF16_TASK(name) name##_bf16
#else
#define BF16_TASK(name) NULL
#endif

#define KERNEL_TABLE(label)                                                                      \
    {                                                                                            \
        .name = label, .panel = PANEL,                                                           \
        .convolution_task = {convolution_task_f32, BF16_TASK(convolution_task)},                 \
        .attention_task = {attention_task_f32, BF16_TASK(attention_task)},                       \
        .group_norm_statistics_task = group_norm_statistics_task,                                \
        .group_norm_apply_task = group_norm_apply_task, .layer_norm = layer_norm,                \
        .silu = silu_array, .f16_to_f32 = f16_to_f32, .bf16_to_f32 = bf16_to_f32,                \
        .rows_to_bf16 = rows_to_bf16,                                                            \
    }
