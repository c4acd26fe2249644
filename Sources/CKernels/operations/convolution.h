// Convolution and linear as products over row pointers. Included once for each element, like product.h.
//
// TASK_ROWS is the number of output rows of a task.

INLINE long TYPED(units)(long values) { return (values + UNIT_VALUES - 1) / UNIT_VALUES; }

// For every tap and source, a pointer to the input of each of the block's output pixels; taps outside the picture
// point at zeros. Layout [tap][source][row].
static void TYPED(gather_pointers)(const limn_convolution *c, long first, long count, const UNIT **pointers) {
    const bool resized = c->resized_height != c->in_height || c->resized_width != c->in_width;
    const int sources = c->channels[1] ? 2 : 1;
    const long units[2] = {TYPED(units)(c->channels[0]), TYPED(units)(c->channels[1])};
    // Divided once; from there the coordinates are counted on.
    long out_x = first % c->out_width, out_y = first / c->out_width % c->out_height;
    long b = first / c->out_width / c->out_height;
    for (long row = 0; row < count; row++) {
        const long y0 = out_y * c->stride - c->pad_top, x0 = out_x * c->stride - c->pad_left;
        const UNIT **to = pointers + row;
        for (long ky = 0; ky < c->kernel_height; ky++) {
            long y = y0 + ky;
            const bool inside_y = y >= 0 && y < c->resized_height;
            if (resized) y = y * c->in_height / c->resized_height;
            for (long kx = 0; kx < c->kernel_width; kx++, to += 2 * TASK_ROWS) {
                long x = x0 + kx;
                const bool inside = inside_y && x >= 0 && x < c->resized_width;
                if (resized) x = x * c->in_width / c->resized_width;
                const long at = (b * c->in_height + y) * c->in_width + x;
                for (int s = 0; s < sources; s++)
                    to[s * TASK_ROWS] = inside ? (const UNIT *)c->source[s] + at * units[s] : (const UNIT *)limn_zeros;
            }
        }
        if (++out_x < c->out_width) continue;
        out_x = 0;
        if (++out_y < c->out_height) continue;
        out_y = 0, b++;
    }
}

// Whether the output is written past the cache: more than the second-level cache holds, in vectors of whole lines.
INLINE bool TYPED(streams_output)(const limn_convolution *c) {
    const size_t bytes = sizeof(float) * c->batch * c->out_height * c->out_width * c->out_channels;
    return c->output_element == LIMN_F32 && bytes >= STREAMED_BYTES && LANES * sizeof(float) == LINE_BYTES
        && c->out_channels % LANES == 0 && (uintptr_t)c->output % LINE_BYTES == 0;
}

#ifdef PRODUCT_TILES
// The mean and summed squared deviation of a block of rows, in one pass. The values are taken relative to the first of
// them, which costs no more digits than their number has.
typedef struct {
    vf pivot, sum, squares;
} row_statistics;

INLINE void add_row(row_statistics *s, vf v, bool is_first) {
    if (is_first) s->pivot = v;
    const vf d = v - s->pivot;
    s->sum += d, s->squares += d * d;
}

// For `part` channels from `column` on; a block is LIMN_STATISTICS_ROWS rows of one picture.
INLINE void store_statistics(const limn_convolution *c, long first, long column, long part, const row_statistics *s) {
    const long pixels = c->out_height * c->out_width;
    const long blocks = pixels * c->spread * c->spread / LIMN_STATISTICS_ROWS;
    const long block = first / pixels * blocks + first % pixels / LIMN_STATISTICS_ROWS;
    float *to = c->statistics + block * 2 * c->out_channels + column;
    const vf mean = s->sum * (1.0f / LIMN_STATISTICS_ROWS);
    store_part(to, s->pivot + mean, part);
    store_part(to + c->out_channels, s->squares - s->sum * mean, part);
}
#endif

// LANES columns of a finished tile, or the first `part` of them, from column `j` of the panel on.
INLINE void TYPED(finish_columns)(const limn_convolution *c, long first, long count, long column, long j, long gates,
                                  const float *tile, bool whole, long part) {
#define PART(p) (whole ? load(p) : load_part(p, part))
    const long pixels = c->out_height * c->out_width, from = column + j;
    // Copies, for the compiler cannot know that the output does not overwrite the description.
    const limn_activation activation = c->activation;
    const limn_element element = c->output_element;
    const float *const residual = c->residual;
    void *const output = c->output;
    const long stride = c->out_channels;
    const bool streams = TYPED(streams_output)(c);
    const vf bias = c->bias ? PART(c->bias + from) : (vf){};
#ifdef PRODUCT_TILES
    const bool has_statistics = c->statistics;
    row_statistics statistics = {};
#endif
    vf gate_bias = {};
    if (c->activation == LIMN_ACTIVATION_GEGLU && c->bias) gate_bias = PART(c->bias + c->out_channels + from);
    // Output pixels of a line are `spread` apart; between two lines lie those of other parts.
    const long spread = c->spread, skipped = (spread - 1) * spread * c->out_width;
    long left = c->out_width - first % c->out_width;
    long pixel = spread * first + first / c->out_width * skipped;
    for (long i = 0; i < count;) {
        // Rows of one picture share the time embedding.
        const long b = (first + i) / pixels, last = min_long(count, (b + 1) * pixels - first);
        const vf shift = c->batch_bias ? bias + PART(c->batch_bias + b * c->out_channels + from) : bias;
        for (; i < last; i++) {
            vf v = load(tile + SUM_AT(i, j)) + shift;
            const long at = pixel * stride + from;
            pixel += spread;
            if (--left == 0) pixel += skipped, left = c->out_width;
            switch (activation) {
                case LIMN_ACTIVATION_NONE:
                case LIMN_ACTIVATION_RELU: break;
                case LIMN_ACTIVATION_SILU: v = silu_for(element, v); break;
                case LIMN_ACTIVATION_GELU: v = gelu_for(element, v); break;
                case LIMN_ACTIVATION_QUICK_GELU: v = quick_gelu_for(element, v); break;
                case LIMN_ACTIVATION_GEGLU:
                    v *= gelu_for(element, load(tile + SUM_AT(i, gates + j)) + gate_bias);
                    break;
            }
            if (residual) v += PART(residual + at);
            if (activation == LIMN_ACTIVATION_RELU) v = maximum(v, (vf){});
#ifdef PRODUCT_TILES
            if (has_statistics) add_row(&statistics, v, i == 0);
#endif
            if (whole && streams)
                store_streaming((float *)output + at, v);
            else if (whole)
                store_element(element, output, at, v);
            else
                store_element_part(element, output, at, v, part);
        }
    }
#ifdef PRODUCT_TILES
    if (has_statistics) store_statistics(c, first, from, part, &statistics);
#endif
#undef PART
}

// Adds bias, batch bias and residual to a finished tile, applies the activation and writes the valid columns.
static void TYPED(finish_tile)(const limn_convolution *c, long first, long count, long panel, const float *tile) {
    const long width = panel_outputs(PANEL, c->activation), column = panel * width;
    const long columns = min_long(width, c->out_channels - column);
    for (long j = 0; j < columns; j += LANES) {
        if (columns - j >= LANES)
            TYPED(finish_columns)(c, first, count, column, j, width, tile, true, LANES);
        else
            TYPED(finish_columns)(c, first, count, column, j, width, tile, false, columns - j);
    }
    if (TYPED(streams_output)(c)) finish_streaming();
}

#ifndef PRODUCT_TILES
static void TYPED(convolution_task)(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL, TASK_ROWS, PICTURES_APART);
    // Row blocks run fastest, so that neighbouring tasks share the weights.
    const long block = task % cut.row_blocks, group = task / cut.row_blocks;
    const long first = block_start(&cut, block), count = block_rows(&cut, block);
    const long taps = c->kernel_height * c->kernel_width;
    const long in = TYPED(units)(c->channels[0]) + TYPED(units)(c->channels[1]);
    float *tile = scratch;
    const UNIT **pointers = (const UNIT **)(tile + TASK_ROWS * PANEL);
    TYPED(gather_pointers)(c, first, count, pointers);
    const long last_panel = min_long(cut.panels, (group + 1) * cut.panels_per_task);
    for (long panel = group * cut.panels_per_task; panel < last_panel; panel++) {
        const float *weights = (const float *)c->weights + panel * taps * in * PANEL;
        bool accumulate = false;
        for (long tap = 0; tap < taps; tap++)
            for (int s = 0; s < 2; s++) {
                if (c->channels[s] == 0) continue;
                const long depth = TYPED(units)(c->channels[s]);
                TYPED(product)(count, pointers + (tap * 2 + s) * TASK_ROWS, 0, depth, weights, tile, accumulate);
                weights += depth * PANEL;
                accumulate = true;
            }
        TYPED(finish_tile)(c, first, count, panel, tile);
    }
}
#endif
