#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Improved pseudo numerical methods without the Runge–Kutta start (Zhang and Chen 2022, section 4.3): Adams–Bashforth of
/// order 1 to 4 on ε; ComfyUI's sample_ipndm and sample_ipndm_v, and diffusers' IPNDMScheduler.
struct IPNDM: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float
    /// Where the last step ends.
    private let end: NoiseLevel
    /// Whether x = x₀ + σ·ε; else its variance is kept, and what ends clean is no case of its own.
    private let explodes: Bool
    private let highestOrder: Int
    private let adaptsToSteps: Bool

    /// - Parameter adaptsToSteps: whether the weights heed how long the steps are (ipndm_v)
    init(_ settings: SamplerSettings, adaptsToSteps: Bool = false) throws {
        let config = settings.config
        highestOrder = settings.solver.order ?? 4
        self.adaptsToSteps = adaptsToSteps
        explodes = config.className != "IPNDMScheduler"
        if !explodes {
            try config.refuse("trained_betas", config.trainedBetas != nil)
            guard settings.sigmas == nil, settings.schedule == nil || settings.schedule == .discrete else {
                throw SamplingError.unsupported(
                    what: "A schedule with the class IPNDMScheduler", supported: "the class's own angles")
            }
            levels = try Self.angles(steps: settings.steps, most: config.numTrainTimesteps)
            end = NoiseLevel(alpha: 1, sigma: 0, timestep: 0)
            initialNoiseScale = 1
        } else {
            let path = try SigmaPath(settings, .init())
            levels = path.levels
            end = NoiseLevel(exploding: path.sigmas[path.sigmas.count - 1], timestep: 0)
            initialNoiseScale = path.initialNoiseScale
        }
    }

    /// diffusers' own: the network is told how far along a quarter of a circle it is, 1 to 0, and σ is the square of that
    /// angle's sine before it is an angle again.
    private static func angles(steps: Int, most: Int) throws -> [NoiseLevel] {
        try Timesteps.requireSteps(steps, atMost: most)
        return (0..<steps).map { index in
            let sine = sin((1 - Float(index) / Float(steps)) * .pi / 2)
            let sigma = sine * sine
            let alpha = max(1 - sigma * sigma, 0).squareRoot()
            return NoiseLevel(alpha: alpha, sigma: sigma, timestep: atan2(sigma, alpha) / .pi * 2)
        }
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let weights = (firstStep..<levels.count).map { self.weights(at: $0, from: firstStep) }
        var x = x
        var history = History(limit: 4)  // predictions of ε
        for index in firstStep..<levels.count {
            let (level, next) = (levels[index], levelAfter(step: index) ?? end)
            let denoised = try denoise(x, level)
            history.add(explodes ? SigmaPath.slope(of: x, to: denoised.x0, at: level) : denoised.epsilon)
            if explodes, next.sigma == 0 {
                x = denoised.x0
            } else {
                let steps = weights[index - firstStep]
                var epsilon = steps[0] * history[0]
                for age in 1..<steps.count { epsilon += steps[age] * history[age] }
                x = moved(x, along: epsilon, from: level, to: next)
            }
            x = try afterStep(index, x)
        }
        return x
    }

    private func moved(_ x: Sample, along epsilon: Sample, from level: NoiseLevel, to next: NoiseLevel) -> Sample {
        guard !explodes else { return x + (next.sigma - level.sigma) * epsilon }
        // Pure noise says nothing of x₀: as in diffusers, the first step goes on from 0.
        guard level.alpha > 0 else { return next.sigma * epsilon }
        return next.alpha / level.alpha * (x - level.sigma * epsilon) + next.sigma * epsilon
    }

    /// Of the newest prediction and those before it.
    private func weights(at index: Int, from firstStep: Int) -> [Double] {
        let order = min(highestOrder, index - firstStep + 1)
        guard adaptsToSteps else {
            return PNDM.adamsBashforth[order - 1].reversed().map { Double($0) }
        }
        // Steps in σ: this one, and those before it.
        let steps = (0..<order).map { age in
            let next = age == 0 ? levelAfter(step: index) ?? end : levels[index - age + 1]
            return Double(next.sigma) - Double(levels[index - age].sigma)
        }
        return Self.adapted(to: steps)
    }

    /// The published weights for uneven steps. They are Adams and Bashforth's to second order; the third term is exact
    /// for even steps alone, a pair of brackets of the original notwithstanding.
    private static func adapted(to steps: [Double]) -> [Double] {
        guard steps.count > 1, !steps.contains(0) else { return [1] }
        let (h, h1) = (steps[0], steps[1])
        let ratio = h / h1
        var weights = [1 + ratio / 2, -ratio / 2]
        guard steps.count > 2 else { return weights }
        let h2 = steps[2]
        let third = (1 - h / (3 * (h + h1)) * (h * (h + h1)) / (h1 * (h1 + h2))) / 2
        weights = [weights[0] + third, weights[1] - (1 + h1 / h2) * third, third * h1 / h2]
        guard steps.count > 3 else { return weights }
        let h3 = steps[3]
        let fourth =
            ((1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2)))
            * (h * (h + h1) * (h + h1 + h2)) / (h1 * (h1 + h2) * (h1 + h2 + h3))
        let older = h1 * (h1 + h2) / (h2 * (h2 + h3))
        return [
            weights[0] + fourth, weights[1] - (1 + h1 / h2 + older) * fourth,
            weights[2] + (h1 / h2 + older * (1 + h2 / h3)) * fourth, -fourth * older * h1 / h2,
        ]
    }
}

extension SamplerName {
    static let ipndm = SamplerName(
        "ipndm", webui: "iPNDM", classes: ["IPNDMScheduler"], order: 2,
        use: "four predictions a step, without warming up: good in 15 to 30",
        solver: .init(orders: 1...4)
    ) { try IPNDM($0) }

    static let ipndmV = SamplerName(
        "ipndm_v", webui: "iPNDM_v", order: 2, use: "iPNDM that heeds how long its steps are",
        solver: .init(orders: 1...4)
    ) { try IPNDM($0, adaptsToSteps: true) }
}
