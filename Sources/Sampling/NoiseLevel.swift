/// Where on the noise scale a sample lies: x = alpha·x₀ + sigma·ε.
///
/// DDIM-like samplers keep the variance: alpha = √ᾱ, sigma = √(1 − ᾱ). k-diffusion-like samplers let it explode:
/// alpha = 1, sigma = σ.
package struct NoiseLevel: Sendable, Equatable {
    package let alpha: Float
    package let sigma: Float
    /// What the network is told; may be fractional.
    package let timestep: Float

    package init(alpha: Float, sigma: Float, timestep: Float) {
        self.alpha = alpha
        self.sigma = sigma
        self.timestep = timestep
    }

    init(alphaCumprod: Float, timestep: Float) {
        self.init(
            alpha: alphaCumprod.squareRoot(), sigma: (1 - alphaCumprod).squareRoot(), timestep: timestep)
    }

    /// The level of variance-exploding noise σ.
    init(exploding sigma: Float, timestep: Float) {
        self.init(alpha: 1, sigma: sigma, timestep: timestep)
    }

    /// The same ratio of noise to signal as σ, at unit variance.
    init(preserving sigma: Float, timestep: Float) {
        let alpha = 1 / (sigma * sigma + 1).squareRoot()
        self.init(alpha: alpha, sigma: sigma * alpha, timestep: timestep)
    }

    /// √(alpha² + sigma²): 1 where the variance is kept.
    var scale: Float {
        let variance = alpha * alpha + sigma * sigma
        // A kept variance is 1 up to rounding; dividing by 0.99999997 would only add an error.
        return abs(variance - 1) < 5e-7 ? 1 : variance.squareRoot()
    }
}
