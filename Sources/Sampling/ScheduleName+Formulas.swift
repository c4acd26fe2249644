#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// Timesteps picked from the training's, and σ spaced by a formula between two ends.

extension ScheduleName {
    static let discrete = ScheduleName(
        "discrete", webui: "Discrete", use: "training timesteps, picked as the model's file says",
        .timesteps(nil))

    // Lin et al. 2023, table 2.
    static let leading = ScheduleName(
        "leading", webui: "Leading", use: "training timesteps, counted from the clean end",
        .timesteps(.leading))
    static let trailing = ScheduleName(
        "trailing", webui: "Trailing", use: "training timesteps, counted from pure noise: for few steps",
        .timesteps(.trailing))
    static let linspace = ScheduleName(
        "linspace", webui: "Linspace", use: "training timesteps from the noisiest to the cleanest",
        .timesteps(.linspace))

    /// Karras et al. 2022, equation 5.
    static let karras = ScheduleName(
        "karras", webui: "Karras", use: "more steps at little noise: good with most samplers",
        .sigmas { input in input.ramp.map { karras($0, from: input.highest, to: input.lowest) } })

    /// σ at a part, 0…1, of the way.
    static func karras(_ part: Double, from highest: Double, to lowest: Double) -> Double {
        let rho = 7.0
        let (high, low) = (pow(highest, 1 / rho), pow(lowest, 1 / rho))
        return pow(high + part * (low - high), rho)
    }

    /// Linear in log σ.
    static let exponential = ScheduleName(
        "exponential", webui: "Exponential", use: "the same factor from each noise level to the next",
        .sigmas { input in
            let (high, low) = (log(input.highest), log(input.lowest))
            return input.ramp.map { exp(high + $0 * (low - high)) }
        })

    /// A polynomial in log σ (k-diffusion's get_sigmas_polyexponential), with ρ = 1 as there: the training's noise in
    /// equal factors.
    static let polyexponential = ScheduleName(
        "polyexponential", webui: "Polyexponential", use: "exponential over all the noise of the training",
        .sigmas { input in
            let (high, low) = (log(input.trainedHighest), log(input.trainedLowest))
            return input.ramp.map { exp((1 - $0) * (high - low) + low) }
        })

    /// Quantiles of a beta distribution, α = β = 0.6, in σ (Lee et al. 2024; diffusers' use_beta_sigmas and the webui).
    static let beta = ScheduleName(
        "beta", webui: "Beta", use: "more steps at both ends of the noise, fewer between",
        .sigmas { input in
            let distribution = BetaDistribution(alpha: 0.6, beta: 0.6)
            return input.ramp.map { input.lowest + distribution.quantile(1 - $0) * (input.highest - input.lowest) }
        })

    /// Equal steps in arctan σ, which minimise an upper bound of the Kullback–Leibler divergence (Sabour et al. 2024,
    /// theorem 3.1; ComfyUI's kl_optimal).
    static let klOptimal = ScheduleName(
        "kl_optimal", webui: "KL Optimal", use: "equal steps in the angle arctan σ",
        .sigmas { input in
            let (high, low) = (atan(input.trainedHighest), atan(input.trainedLowest))
            return input.ramp.map { tan($0 * low + (1 - $0) * high) }
        })

    /// Half of the steps go down the first fortieth of σ in equal steps, the others the rest in growing ones (Genmo's
    /// Mochi; ComfyUI's linear_quadratic).
    static let linearQuadratic = ScheduleName(
        "linear_quadratic", webui: "Linear Quadratic",
        use: "half the steps near pure noise: made for video models",
        .sigmas { input in
            let (steps, half) = (Double(input.count), Double(input.count / 2))
            let threshold = 0.025  // what the linear half goes down
            let rest = steps - half
            guard half > 0 else { return [input.trainedHighest] }
            // The parabola goes on from the line with its slope and reaches 1 after the last step.
            let bend = (half - threshold * steps) / (half * rest * rest)
            return (0..<input.count).map { index in
                let along = Double(index)
                let beyond = max(along - half, 0)
                let done = threshold / half * along + bend * beyond * beyond
                return (1 - done) * input.trainedHighest
            }
        })
}
