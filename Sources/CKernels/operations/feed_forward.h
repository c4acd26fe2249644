// What T5's layers need beside products: the norm without mean and bias, and activations over rows.
#pragma once
#include "vector.h"

// x·Φ(x) by tanh (Hendrycks and Gimpel 2016), transformers' gelu_new: ½(1 + tanh u) is sigmoid(2u).
INLINE vf gelu_tanh(vf x) {
    const vf cube = x * x * x;
    return x * sigmoid((x + cube * 0.044715f) * 1.5957691216f);
}

static void rms_norm(const float *x, const float *weight, float epsilon, long channels, long first, long last,
                     limn_element output_element, void *output) {
    const long whole = channels / LANES * LANES, part = channels - whole;
    for (long row = first; row < last; row++) {
        const float *in = x + row * channels;
        const long out = row * channels;
        vf squares = {};
        for (long c = 0; c < whole; c += LANES) squares += load(in + c) * load(in + c);
        const vf rest = part ? load_part(in + whole, part) : (vf){};
        squares += rest * rest;
        const float scale = 1 / sqrtf(sum_lanes(squares) / (float)channels + epsilon);
        for (long c = 0; c < whole; c += LANES)
            store_element(output_element, output, out + c, load(in + c) * scale * load(weight + c));
        if (part)
            store_element_part(output_element, output, out + whole, rest * scale * load_part(weight + whole, part),
                               part);
    }
}

static void gate_rows(const float *x, long channels, long first, long last, limn_element output_element, void *output) {
    for (long row = first; row < last; row++) {
        const float *gate = x + row * 2 * channels, *value = gate + channels;
        const long out = row * channels;
        long c = 0;
        for (; c + LANES <= channels; c += LANES)
            store_element(output_element, output, out + c, gelu_tanh(load(gate + c)) * load(value + c));
        const long part = channels - c;
        if (part) {
            const vf v = gelu_tanh(load_part(gate + c, part)) * load_part(value + c, part);
            store_element_part(output_element, output, out + c, v, part);
        }
    }
}

static void rectify_rows(const float *x, long channels, long first, long last, limn_element output_element,
                         void *output) {
    const vf zero = {};
    for (long i = first * channels, end = last * channels; i < end; i += LANES) {
        const long part = min_long(LANES, end - i);
        if (part == LANES)
            store_element(output_element, output, i, maximum(load(x + i), zero));
        else
            store_element_part(output_element, output, i, maximum(load_part(x + i, part), zero), part);
    }
}
