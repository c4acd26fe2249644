// The table of one instruction set; the including file has opened `const limn_kernels NAME = {`'s variable name.
#pragma once
#include "attention.h"
#include "convolution.h"
#include "elementwise.h"
#include "normalization.h"

#define KERNEL_TABLE(label)                                                                      \
    {                                                                                            \
        .name = label, .panel = PANEL, .convolution_task = convolution_task,                     \
        .attention_task = attention_task,                                                        \
        .group_norm_statistics_task = group_norm_statistics_task,                                \
        .group_norm_apply_task = group_norm_apply_task, .layer_norm = layer_norm,                \
        .silu = silu_array, .f16_to_f32 = f16_to_f32, .bf16_to_f32 = bf16_to_f32,                \
    }
