// How a Winograd convolution is cut: blocks of tiles × groups of panels, and the planes of its scratch memory.
#pragma once
#include "kernels.h"

enum {
    ROWS_TOGETHER = 6,  // of the microkernel: blocks of tiles are multiples of that
    MOST_TILES = 48,    // of a task, which reads the weights once for all of them
    FEWEST_TILES = 12,
    MOST_COLUMNS = 320,  // of a task's output
    FEWEST_COLUMNS = 128,
    DEPTH_PER_TRANSFORM = 320,  // units of 32 bits that are transformed together
    ENOUGH_TASKS = 16,
};

typedef struct {
    long tile;                                // side of an output tile
    long across, tiles_per_picture;           // of them
    // Blocks begin anew with every `tiles_together` tiles.
    long tiles_together, blocks_together, tile_blocks, tiles_per_task;
    long panels, panels_per_task, panel_groups;  // panels_per_task: at most
    long units_per_block;                     // depth that is transformed at a time
    long input_plane, product_plane;          // units from one point of the transform to the next
} winograd_cut;

winograd_cut limn_winograd_cut(const limn_convolution *c, long panel, bool pictures_apart);
long limn_winograd_tasks(const limn_kernels *kernels, const limn_convolution *c);
size_t limn_winograd_scratch(const limn_kernels *kernels, const limn_convolution *c);
