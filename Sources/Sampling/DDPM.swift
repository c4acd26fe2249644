/// Ancestral sampling of denoising diffusion probabilistic models (Ho et al. 2020, equation 7); diffusers'
/// DDPMScheduler.
struct DDPM: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let steps: [(alpha: Double, next: Double)]
    private let variance: Variance
    private let limit: SampleLimit

    /// Which variance the added noise has.
    enum Variance: String, CaseIterable, Sendable {
        case small = "fixed_small"
        case smallLog = "fixed_small_log"
        case large = "fixed_large"
        case largeLog = "fixed_large_log"
    }

    init(_ settings: SamplerSettings) throws {
        let (count, config) = (settings.steps, settings.config)
        let name = config.varianceType ?? Variance.small.rawValue
        guard let variance = Variance(rawValue: name) else {
            throw SamplingError.unsupported(
                what: "variance_type \(quoted(name))",
                supported: Variance.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let timesteps = try Timesteps.evenly(
            config.timestepSpacing ?? .leading, steps: count, train: config.numTrainTimesteps,
            offset: config.stepsOffset)
        let path = try AlphaPath(
            NoiseSchedule(config), timesteps: timesteps, steps: count, offset: config.stepsOffset,
            endsClean: true)
        levels = path.levels
        steps = path.timesteps.indices.map { index in
            let next = index + 1 < path.timesteps.count ? path.timesteps[index + 1] : -1
            return (path.alpha(at: path.timesteps[index]), path.alpha(at: next))
        }
        limit = SampleLimit(config, clips: true)
        self.variance = variance
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (alpha, next) = steps[index]
            let beta = 1 - alpha / next
            let denoised = try denoise(x, levels[index])
            let (towards, kept) = (next.squareRoot() * beta, (1 - beta).squareRoot() * (1 - next))
            x = towards / (1 - alpha) * limit.applied(to: denoised.x0) + kept / (1 - alpha) * x
            if levels[index].timestep > 0 {
                let small = max((1 - next) / (1 - alpha) * beta, 1e-20)
                let drawn =
                    switch variance {
                    case .small, .smallLog: small
                    // For fixed_large_log diffusers takes the root of a logarithm, which is not a number.
                    case .large, .largeLog: beta
                    }
                x += drawn.squareRoot() * noise()
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let ddpm = SamplerName(
        "ddpm", webui: "DDPM", classes: ["DDPMScheduler"], order: 1, isStochastic: true, takesSchedule: false,
        use: "the slow original: adds noise in every step, wants hundreds"
    ) { try DDPM($0) }
}
