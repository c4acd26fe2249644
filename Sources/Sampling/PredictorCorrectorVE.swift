#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The predictor–corrector sampler of the variance-exploding SDE (Song et al. 2021, algorithm 2): Langevin steps at a σ, then
/// a step of the reverse SDE to the next; diffusers' ScoreSdeVeScheduler.
struct PredictorCorrectorVE: Sampler {
    enum Predictor: String {
        /// Equation 46; noise as the SDE adds it.
        case reverseDiffusion = "reverse_diffusion"
        /// Equation 47; noise as the posterior of both ends has it, which few steps bear better.
        case ancestral
    }

    let levels: [NoiseLevel]
    let initialNoiseScale: Float
    /// σ of every step and of the end.
    private let sigmas: [Double]
    private let predictor: Predictor
    private let langevin: LangevinStep
    private let count: Int

    init(_ settings: SamplerSettings) throws {
        let config = settings.config
        let isScoreModel = config.className == "ScoreSdeVeScheduler"
        if isScoreModel {
            (levels, sigmas) = try Self.ladder(settings)
            initialNoiseScale = levels.first?.sigma ?? 1
        } else {
            var settings = settings
            settings.schedule = settings.schedule ?? .exponential
            let path = try SigmaPath(settings, .init())
            (levels, sigmas) = (path.levels, path.sigmas.map { Double($0) })
            initialNoiseScale = path.initialNoiseScale
        }
        predictor =
            settings.solver.type.flatMap(Predictor.init(rawValue:)) ?? (isScoreModel ? .reverseDiffusion : .ancestral)
        langevin = LangevinStep(snr: settings.solver.snr ?? config.snr ?? 0.15)
        count = settings.solver.correctorSteps ?? config.correctorSteps ?? 1
    }

    /// σ from `sigma_max` to `sigma_min`, each the same part of the one before; the network is told the σ at its time.
    private static func ladder(_ settings: SamplerSettings) throws -> ([NoiseLevel], [Double]) {
        let (steps, config) = (settings.steps, settings.config)
        guard settings.sigmas == nil, settings.schedule == nil || settings.schedule == .discrete else {
            throw SamplingError.unsupported(
                what: "A schedule with the class ScoreSdeVeScheduler", supported: "the class's own, which is geometric")
        }
        try Timesteps.requireSteps(steps, atMost: config.numTrainTimesteps)
        let (low, high) = (config.sigmaMin ?? 0.01, config.sigmaMax ?? 1348)
        guard low < high else {
            throw SamplingError.degenerateSchedule(reason: "sigma_max \(high) is not above sigma_min \(low)")
        }
        let epsilon = config.samplingEpsilon ?? 1e-5
        let ramp = (0..<steps).map { steps > 1 ? Double($0) / Double(steps - 1) : 0 }
        let levels = ramp.map { place in
            let told = low * pow(high / low, 1 - place * (1 - epsilon))
            return NoiseLevel(
                exploding: Float(exp(log(high) + place * (log(low) - log(high)))), timestep: Float(told))
        }
        return (levels, levels.map { Double($0.sigma) } + [0])
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (sigma, next) = (sigmas[index], sigmas[index + 1])
            for _ in 0..<count {
                let epsilon = try denoise(x, levels[index]).epsilon
                x = langevin.corrected(x, epsilon: epsilon, sigma: sigma, noise: noise())
            }
            let lost = max(sigma * sigma - next * next, 0)
            let denoised = try denoise(x, levels[index])
            if next > 0 {
                let spread = predictor == .reverseDiffusion ? lost : lost * next * next / (sigma * sigma)
                x = x - lost / sigma * denoised.epsilon + spread.squareRoot() * noise()
            } else {
                x = denoised.x0
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let predictorCorrectorVE = SamplerName(
        "pc_ve", webui: "PC VE", aliases: ["ve_pc", "predictor_corrector_ve"], classes: ["ScoreSdeVeScheduler"],
        order: 1, evaluations: 2, isStochastic: true,
        use: "Song's predictor and Langevin corrector, variance exploding: for models of the score, 100 steps and more",
        solver: .init(types: ["reverse_diffusion", "ancestral"], hasLangevinSteps: true)
    ) { try PredictorCorrectorVE($0) }
}
