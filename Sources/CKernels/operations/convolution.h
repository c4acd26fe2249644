// Convolution and linear as products over row pointers. Included once for each element, like product.h.

INLINE long TYPED(units)(long values) { return (values + UNIT_VALUES - 1) / UNIT_VALUES; }

// For every tap and source, a pointer to the input of each of the block's output pixels; taps outside the picture
// point at zeros. Layout [tap][source][row].
static void TYPED(gather_pointers)(const limn_convolution *c, long first, long count, const UNIT **pointers) {
    const long out_pixels = c->out_height * c->out_width;
    for (long row = 0; row < count; row++) {
        const long b = (first + row) / out_pixels, pixel = (first + row) % out_pixels;
        const long y0 = pixel / c->out_width * c->stride - c->pad_top;
        const long x0 = pixel % c->out_width * c->stride - c->pad_left;
        const UNIT **to = pointers + row;
        for (long ky = 0; ky < c->kernel_height; ky++)
            for (long kx = 0; kx < c->kernel_width; kx++) {
                long y = y0 + ky, x = x0 + kx;
                const bool inside = y >= 0 && y < c->resized_height && x >= 0 && x < c->resized_width;
                if (c->resized_height != c->in_height) y = y * c->in_height / c->resized_height;
                if (c->resized_width != c->in_width) x = x * c->in_width / c->resized_width;
                const long at = (b * c->in_height + y) * c->in_width + x;
                for (int s = 0; s < 2; s++, to += ROWS_PER_TASK)
                    *to = inside && c->channels[s] ? (const UNIT *)c->source[s] + at * TYPED(units)(c->channels[s])
                                                   : (const UNIT *)limn_zeros;
            }
    }
}

// Adds bias, batch bias and residual to a finished tile, applies the activation and writes the valid columns.
static void TYPED(finish_tile)(const limn_convolution *c, long first, long count, long panel, const float *tile) {
    const long width = panel_outputs(PANEL, c->activation), column = panel * width;
    const long columns = min_long(width, c->out_channels - column);
    const long pixels = c->out_height * c->out_width;
    for (long j = 0; j < columns; j += LANES) {
        const long part = min_long(LANES, columns - j);
        const vf bias = c->bias ? load_part(c->bias + column + j, part) : (vf){};
        vf gate_bias = {};
        if (c->activation == LIMN_ACTIVATION_GEGLU && c->bias)
            gate_bias = load_part(c->bias + c->out_channels + column + j, part);
        for (long i = 0; i < count; i++) {
            vf v = load(tile + i * PANEL + j) + bias;
            const long at = (first + i) * c->out_channels + column + j;
            if (c->batch_bias)
                v += load_part(c->batch_bias + (first + i) / pixels * c->out_channels + column + j, part);
            switch (c->activation) {
                case LIMN_ACTIVATION_NONE: break;
                case LIMN_ACTIVATION_SILU: v = silu(v); break;
                case LIMN_ACTIVATION_GELU: v = gelu(v); break;
                case LIMN_ACTIVATION_QUICK_GELU: v = quick_gelu(v); break;
                case LIMN_ACTIVATION_GEGLU: v *= gelu(load(tile + i * PANEL + width + j) + gate_bias); break;
            }
            if (part == LANES) {
                if (c->residual) v += load(c->residual + at);
                store_element(c->output_element, c->output, at, v);
            } else {
                if (c->residual) v += load_part(c->residual + at, part);
                store_element_part(c->output_element, c->output, at, v, part);
            }
        }
    }
}

static void TYPED(convolution_task)(const limn_convolution *c, long task, void *scratch) {
    const product_cut cut = limn_product_cut(c, PANEL);
    // Row blocks run fastest, so that neighbouring tasks share the weights.
    const long first = task % cut.row_blocks * ROWS_PER_TASK, group = task / cut.row_blocks;
    const long count = min_long(ROWS_PER_TASK, cut.rows - first);
    const long taps = c->kernel_height * c->kernel_width;
    const long in = TYPED(units)(c->channels[0]) + TYPED(units)(c->channels[1]);
    float *tile = scratch;
    const UNIT **pointers = (const UNIT **)(tile + ROWS_PER_TASK * PANEL);
    TYPED(gather_pointers)(c, first, count, pointers);
    const long last_panel = min_long(cut.panels, (group + 1) * cut.panels_per_task);
    for (long panel = group * cut.panels_per_task; panel < last_panel; panel++) {
        const float *weights = (const float *)c->weights + panel * taps * in * PANEL;
        bool accumulate = false;
        for (long tap = 0; tap < taps; tap++)
            for (int s = 0; s < 2; s++) {
                if (c->channels[s] == 0) continue;
                const long depth = TYPED(units)(c->channels[s]);
                TYPED(product)(count, pointers + (tap * 2 + s) * ROWS_PER_TASK, 0, depth, weights, tile, accumulate);
                weights += depth * PANEL;
                accumulate = true;
            }
        TYPED(finish_tile)(c, first, count, panel, tile);
    }
}
