// Packing for winograd.h: every 3×3 filter becomes the 16 or 36 points of its transform.

// Gg: three taps become tile + 2 values.
INLINE void transform_weight(const int tile, vf a, vf b, vf c, vf *u) {
    if (tile == 2) {
        u[0] = a;
        u[1] = 0.5f * (a + b + c);
        u[2] = 0.5f * (a - b + c);
        u[3] = c;
        return;
    }
    const vf even = a + 0.5f * c, odd = 0.70710678f * b, even_wide = a + 2.0f * c, odd_wide = 1.41421356f * b;
    u[0] = a;
    u[1] = (even + odd) * (-2.0f / 3);
    u[2] = (even - odd) * (-2.0f / 3);
    u[3] = (even_wide + odd_wide) * (1.0f / 6);
    u[4] = (even_wide - odd_wide) * (1.0f / 6);
    u[5] = c;
}

// GgGᵀ of LANES filters, whose taps are rows of a panel.
INLINE void transform_filters(const int tile, const float *taps, vf *points) {
    const int side = tile + 2;
    vf half[3][6];
    for (int x = 0; x < 3; x++)
        transform_weight(tile, load(taps + x * PANEL), load(taps + (3 + x) * PANEL), load(taps + (6 + x) * PANEL),
                         half[x]);
    for (int y = 0; y < side; y++) transform_weight(tile, half[0][y], half[1][y], half[2][y], points + y * side);
}

// Inputs [first, first + count) of a panel: [point][unit][PANEL].
INLINE void pack_winograd_tile(const int tile, limn_element element, const limn_weight *w, const float *columns,
                               long first, long count, float *panel) {
    const long values = unit_values(element), plane = ceil_div(w->in, values) * PANEL;
    for (long i = 0; i < count; i += values)
        for (long n = 0; n < PANEL; n += LANES) {
            const float *taps = columns + i * 9 * PANEL + n;
            float *to = panel + (first + i) / values * PANEL + n;
            vf points[36], second[36] = {};
            transform_filters(tile, taps, points);
            if (element == LIMN_BF16 && i + 1 < count) transform_filters(tile, taps + 9 * PANEL, second);
            for (int p = 0; p < (tile + 2) * (tile + 2); p++)
                store(to + p * plane, element == LIMN_F32 ? points[p] : pair_bf16_stored(points[p], second[p]));
        }
}

static void pack_winograd(limn_element element, const limn_weight *w, const float *columns, long first, long count,
                          float *panel) {
    if (w->algorithm == LIMN_WINOGRAD_4)
        pack_winograd_tile(4, element, w, columns, first, count, panel);
    else
        pack_winograd_tile(2, element, w, columns, first, count, panel);
}
