/// Dynamic thresholding of a predicted x₀ (Saharia et al. 2022, Imagen, section 2.3; diffusers' _threshold_sample):
/// where a quantile of |x₀| lies beyond the usual range, everything is clipped there and scaled back into that range.
///
///     s = min(max(quantile(|x₀|), range), maximum)
///     x₀ ← clip(x₀, −s, s) · range / s
///
/// Imagen's and diffusers' range is 1, that of pixels. Latents reach further.
package struct QuantileThreshold: Sendable, Equatable {
    /// The part of the values that is not clipped.
    package var ratio: Float
    package var range: Float
    package var maximum: Float

    package init(ratio: Float, range: Float, maximum: Float) {
        (self.ratio, self.range, self.maximum) = (ratio, range, maximum)
    }

    package func applied(to x0: Sample) -> Sample {
        var reached: Float = 0
        _ = Sample(in: x0.pool) { magnitudes in
            x0.withValues { for index in $0.indices { magnitudes[index] = abs($0[index]) } }
            reached = quantile(reordering: magnitudes, at: ratio)
        }
        let limit = min(max(reached, range), maximum)
        return x0.map { range * (min(max($0, -limit), limit) / limit) }
    }
}
