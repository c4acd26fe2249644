#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The predictor–corrector sampler of the variance-preserving SDE (Song et al. 2021, algorithm 3), over the timesteps of a
/// discrete model or, for the class ScoreSdeVpScheduler, over continuous time.
struct PredictorCorrectorVP: Sampler {
    enum Predictor: String {
        /// Equation 4, with the variance of the posterior, which is β where steps are as many as in training.
        case ancestral
        /// Equation 46.
        case reverseDiffusion = "reverse_diffusion"
        /// diffusers' step_pred.
        case eulerMaruyama = "euler_maruyama"
    }

    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    /// β of each step, and the variance of the posterior of both its ends.
    private let steps: [(beta: Double, posterior: Double)]
    private let predictor: Predictor
    private let langevin: LangevinStep
    private let count: Int

    init(_ settings: SamplerSettings) throws {
        let config = settings.config
        let isContinuous = config.className == "ScoreSdeVpScheduler"
        predictor =
            settings.solver.type.flatMap(Predictor.init(rawValue:)) ?? (isContinuous ? .eulerMaruyama : .ancestral)
        let betas: [Double]
        if isContinuous {
            (levels, betas) = try Self.continuous(settings)
        } else {
            let timesteps = try Timesteps.evenly(
                config.timestepSpacing ?? .leading, steps: settings.steps, train: config.numTrainTimesteps,
                offset: config.stepsOffset)
            levels = try AlphaPath(
                NoiseSchedule(config), timesteps: timesteps, steps: settings.steps, offset: config.stepsOffset,
                endsClean: true
            ).levels
            betas = []
        }
        steps = levels.indices.map { [levels, predictor] index in
            let level = levels[index]
            let after = index + 1 < levels.count ? levels[index + 1] : NoiseLevel(alpha: 1, sigma: 0, timestep: 0)
            let kept = Double(level.alpha) / Double(after.alpha)
            let beta = betas.isEmpty || predictor != .eulerMaruyama ? 1 - kept * kept : betas[index]
            let lost = Double(after.sigma) / Double(level.sigma)
            return (beta, beta * lost * lost)
        }
        langevin = LangevinStep(snr: settings.solver.snr ?? config.snr ?? 0.16)
        count = settings.solver.correctorSteps ?? config.correctorSteps ?? 1
    }

    /// Times from 1 to `sampling_eps`, with β linear in time, and the β of a step of each; the network is told them on the
    /// scale of training steps.
    private static func continuous(_ settings: SamplerSettings) throws -> ([NoiseLevel], [Double]) {
        let (count, config) = (settings.steps, settings.config)
        let most = config.numTrainTimesteps
        try Timesteps.requireSteps(count, atMost: most)
        let epsilon = config.samplingEpsilon ?? 1e-3
        let times = (0..<count).map { count > 1 ? 1 - Double($0) / Double(count - 1) * (1 - epsilon) : 1 }
        let slope = config.betaMax - config.betaMin
        let levels = times.map { time in
            let logarithm = -0.25 * time * time * slope - 0.5 * time * config.betaMin
            return NoiseLevel(
                alpha: Float(exp(logarithm)), sigma: Float((-expm1(2 * logarithm)).squareRoot()),
                timestep: Float(time * Double(most - 1)))
        }
        return (levels, times.map { (config.betaMin + $0 * slope) / Double(count) })
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let level = levels[index]
            let (sigma, beta) = (Double(level.sigma), steps[index].beta)
            for _ in 0..<count {
                let epsilon = try denoise(x, level).epsilon
                x = langevin.corrected(x, epsilon: epsilon, sigma: sigma, alpha: max(1 - beta, 0), noise: noise())
            }
            let epsilon = try denoise(x, level).epsilon
            let kept =
                switch predictor {
                case .ancestral: 1 / max(1 - beta, 1e-8).squareRoot()
                case .reverseDiffusion: 2 - (1 - beta).squareRoot()
                case .eulerMaruyama: 1 + beta / 2
                }
            let towards = predictor == .ancestral ? kept * beta : beta
            x = kept * x - towards / sigma * epsilon
            // The last mean is the picture.
            if index + 1 < levels.count {
                x += (predictor == .ancestral ? steps[index].posterior : beta).squareRoot() * noise()
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let predictorCorrectorVP = SamplerName(
        "pc_vp", webui: "PC VP", aliases: ["vp_pc", "predictor_corrector_vp"], classes: ["ScoreSdeVpScheduler"],
        order: 1, evaluations: 2, isStochastic: true, takesSchedule: false,
        use: "the same with the variance kept: DDPM with a Langevin corrector, 100 steps and more",
        solver: .init(types: ["ancestral", "reverse_diffusion", "euler_maruyama"], hasLangevinSteps: true)
    ) { try PredictorCorrectorVP($0) }
}
