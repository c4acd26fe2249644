/// Euler's method on dx/dσ = ε (Karras et al. 2022, algorithm 2 with Euler's steps); diffusers' EulerDiscreteScheduler.
struct Euler: SigmaPathSampler {
    let path: SigmaPath
    private let churning: Churning?

    init(_ settings: SamplerSettings) throws {
        let config = settings.config
        try config.refuse("interpolation_type", config.interpolationType, unless: ["linear"])
        // A continuous timestep is only used with v-prediction: the network is told 0.25·log σ.
        if config.predictionType == .velocity {
            try config.refuse("timestep_type", config.timestepType, unless: ["discrete"])
        }
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true, choosesEnd: true))
        churning = Churning(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            var level = levels[index]
            churning?.raise(&x, &level, path, share: levels.count - firstStep, noise)
            let slope = SigmaPath.slope(of: x, to: try denoise(x, level).x0, at: level)
            x += (path.sigmas[index + 1] - level.sigma) * slope
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let euler = SamplerName(
        "euler", webui: "Euler", aliases: ["k_euler", "sample_euler"],
        classes: ["EulerDiscreteScheduler", "EDMEulerScheduler"], order: 1,
        options: [.churn, .noiseFactor], use: "simple and dependable, good in 20 to 30 steps"
    ) { try Euler($0) }
}
