// Winograd convolution: what all instruction sets share, the cut into tasks.
#include "winograd_cut.h"

long limn_algorithm_points(limn_algorithm algorithm, long taps) {
    switch (algorithm) {
        case LIMN_WINOGRAD_2:
        case LIMN_SUBPIXEL: return 16;
        case LIMN_WINOGRAD_4: return 36;
        default: return taps;
    }
}

// Rows of a plane start an odd number of cache lines after those of the one before, lest all planes of a transform
// fall into one set of the cache.
static long odd_lines(long floats) { return (ceil_div(floats, 16) | 1) * 16; }

winograd_cut limn_winograd_cut(const limn_convolution *c, long panel, bool pictures_apart) {
    winograd_cut cut;
    cut.tile = c->algorithm == LIMN_WINOGRAD_4 ? 4 : 2;
    cut.across = ceil_div(c->out_width, cut.tile);
    cut.tiles_per_picture = cut.across * ceil_div(c->out_height, cut.tile);
    cut.tiles_together = pictures_apart ? cut.tiles_per_picture : c->batch * cut.tiles_per_picture;
    cut.panels = ceil_div(c->out_channels, panel);

    // Every group of panels transforms the inputs anew, every block of tiles reads the weights anew: both are as large
    // as they can be while there is enough to do for several cores.
    long blocks = ceil_div(cut.tiles_together, MOST_TILES), groups = ceil_div(c->out_channels, MOST_COLUMNS);
    if (groups * blocks < ENOUGH_TASKS)
        blocks = min_long(ceil_div(cut.tiles_together, MOST_TILES / 2), ceil_div(ENOUGH_TASKS, groups));
    if (groups * blocks < ENOUGH_TASKS)
        groups = min_long(ceil_div(c->out_channels, FEWEST_COLUMNS), ceil_div(ENOUGH_TASKS, blocks));
    if (groups * blocks < ENOUGH_TASKS)
        blocks = min_long(ceil_div(cut.tiles_together, FEWEST_TILES), ceil_div(ENOUGH_TASKS, groups));
    cut.tiles_per_task = ceil_div(ceil_div(cut.tiles_together, blocks), ROWS_TOGETHER) * ROWS_TOGETHER;
    cut.blocks_together = ceil_div(cut.tiles_together, cut.tiles_per_task);
    cut.tile_blocks = pictures_apart ? c->batch * cut.blocks_together : cut.blocks_together;
    cut.panel_groups = min_long(groups, cut.panels);
    cut.panels_per_task = ceil_div(cut.panels, cut.panel_groups);

    const long values = unit_values(c->element);
    const long widest = ceil_div(c->channels[0] > c->channels[1] ? c->channels[0] : c->channels[1], values);
    cut.units_per_block = ceil_div(widest, ceil_div(widest, DEPTH_PER_TRANSFORM));
    cut.input_plane = odd_lines(cut.tiles_per_task * cut.units_per_block);
    cut.product_plane = odd_lines(cut.tiles_per_task * panel);
    return cut;
}

long limn_winograd_tasks(const limn_kernels *kernels, const limn_convolution *c) {
    const winograd_cut cut = limn_winograd_cut(c, kernels->panel, kernels->pictures_apart);
    return cut.tile_blocks * cut.panel_groups;
}

size_t limn_winograd_scratch(const limn_kernels *kernels, const limn_convolution *c) {
    const winograd_cut cut = limn_winograd_cut(c, kernels->panel, kernels->pictures_apart);
    const size_t points = (cut.tile + 2) * (cut.tile + 2);
    return sizeof(float) * points * (cut.input_plane + cut.panels_per_task * cut.product_plane)
        + sizeof(float *) * cut.tiles_per_task;
}
