// All operations for one instruction set, and the table of them. The product and what is built on it come once for
// each element that the set can multiply.
#pragma once
// Weights of bfloat16 products are packed in strips of so many columns.
#ifdef HAS_TILES
#define BF16_STRIP 32
#else
#define BF16_STRIP PANEL
#endif
// OpenBLAS adds in an order that depends on how many rows it is given.
#ifdef PRODUCT_THROUGH_BLAS
#define PICTURES_APART true
#else
#define PICTURES_APART false
#endif
#include "elementwise.h"
#include "feed_forward.h"
#include "normalization.h"
#include "packing.h"
#include "../winograd_cut.h"

#define TYPED(name) name##_f32
#define UNIT_VALUES 1
#define UNIT float
#define VALUE float
#define TASK_ROWS ROWS_PER_TASK
// Where the sum of row i and column j lies among the finished ones.
#define SUM_AT(i, j) ((i) * PANEL + (j))
#include "product.h"
#include "convolution.h"
#include "winograd.h"
#include "attention.h"
#undef TYPED
#undef UNIT_VALUES
#undef UNIT
#undef VALUE
#undef TASK_ROWS

#if defined(HAS_BF16_PRODUCT) || defined(HAS_TILES)
#define PRODUCT_BF16
#define TYPED(name) name##_bf16
#define UNIT_VALUES 2
#define UNIT uint32_t
#define VALUE uint16_t
#ifdef HAS_TILES
#define PRODUCT_TILES
#define TASK_ROWS ROWS_PER_TILE_TASK
#define TASK_QUERIES (QUERY_PANELS * PANEL)
// Of up to 32 rows, in tiles of 16 × 16.
#undef SUM_AT
#define SUM_AT(i, j) ((((j) & ~31) << 5) + (((i) & ~15) << 5) + (((j) & 16) << 4) + (((i) & 15) << 4) + ((j) & 15))
#include "convolution.h"
#include "tiles.h"
#include "split_tiles.h"
#include "tile_attention.h"
#define TILE_TASK(name) name
#else
#define TASK_ROWS ROWS_PER_TASK
#define TASK_QUERIES PANEL
#include "product.h"
#include "convolution.h"
#include "winograd.h"
#include "attention.h"
#define BF16_WINOGRAD(name) name##_bf16
#endif
#define BF16_TASK(name) name##_bf16
#ifdef HAS_INT8_PRODUCT
#include "integer_product.h"
#define INT8_TASK(name) name##_int8
#endif
#else
#define TASK_ROWS 0
#define TASK_QUERIES 0
#define BF16_TASK(name) NULL
#endif

#ifdef HAS_TILES
#define TILE_SCRATCH(operation) tile_##operation##_scratch
#else
#define TILE_SCRATCH(operation) NULL
#endif

#ifndef TILE_TASK
#define TILE_TASK(name) NULL
#endif

#ifndef INT8_TASK
#define INT8_TASK(name) NULL
#endif

#ifndef BF16_WINOGRAD
#define BF16_WINOGRAD(name) NULL
#endif

#define KERNEL_TABLE(label)                                                                      \
    {                                                                                            \
        .name = label, .panel = PANEL, .pictures_apart = PICTURES_APART,                         \
        .task_rows = {ROWS_PER_TASK, TASK_ROWS, TASK_ROWS},                                      \
        .task_queries = {PANEL, TASK_QUERIES},                                                   \
        .convolution_task = {convolution_task_f32, BF16_TASK(convolution_task),                  \
                             INT8_TASK(convolution_task)},                                       \
        .winograd_task = {winograd_task_f32, BF16_WINOGRAD(winograd_task)},                      \
        .attention_task = {attention_task_f32, BF16_TASK(attention_task)},                       \
        .scratch_attention_bf16 = TILE_SCRATCH(attention),                                    \
        .linear_task_f32 = TILE_TASK(linear_task_f32), .scratch_linear_f32 = TILE_SCRATCH(linear), \
        .scratch_convolution_bf16 = TILE_SCRATCH(convolution),                                   \
        .group_norm_statistics_task = group_norm_statistics_task,                                \
        .group_norm_apply_task = group_norm_apply_task, .layer_norm = layer_norm,                \
        .silu = silu_array, .stored_to_f32 = stored_to_f32, .pack_task = pack_task,              \
        .rows_to_bf16 = rows_to_bf16, .rows_to_int8 = rows_to_int8,                              \
        .rms_norm = rms_norm, .gate_rows = gate_rows, .rectify_rows = rectify_rows,              \
    }
