#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Exponential integrator of ε along log ρ, ρ = σ/α (Zhang and Chen 2022, "tAB-DEIS" in ρ), of order 1 to 3; diffusers'
/// DEISMultistepScheduler.
struct DEIS: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let limit: SampleLimit
    private let highestOrder: Int
    private let lowersAtEnd: Bool

    init(_ settings: SamplerSettings) throws {
        var settings = settings
        // It never reaches a clean end, which lies at −∞ of log ρ.
        settings.config.finalSigmasType = .smallest
        settings.config.rescaleBetasZeroSNR = settings.config.alwaysRescalesBetas
        let config = settings.config
        try config.refuse(
            "solver_type", config.solverType, unless: ["logrho", "midpoint", "heun", "bh1", "bh2"])
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: false, endsAtLadder: true) { schedule, _ in schedule == .karras })
        (levels, points) = (path.levels, path.points)
        limit = SampleLimit(config, clips: nil)
        highestOrder = settings.solver.order ?? config.solverOrder
        lowersAtEnd = (config.lowerOrderFinal ?? true) && path.levels.count < 15
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let weights = (firstStep..<levels.count).map { self.weights(at: $0, from: firstStep) }
        var x = x
        var history = History(limit: 3)  // predictions of ε
        for index in firstStep..<levels.count {
            history.add(limit.noise(of: try denoise(x, levels[index]), in: x, at: levels[index]))
            var next = points[index + 1].alpha / points[index].alpha * x
            for (age, weight) in weights[index - firstStep].enumerated() { next += weight * history[age] }
            x = try afterStep(index, next)
        }
        return x
    }

    /// The order of a step: lower while few predictions are known, and at the end, for stability.
    private func order(at index: Int, from firstStep: Int) -> Int {
        let left = lowersAtEnd ? levels.count - index : highestOrder
        return min(highestOrder, left, index - firstStep + 1)
    }

    /// α times ∫ l(log ρ) dρ over the step, for the newest prediction and those before it.
    private func weights(at index: Int, from firstStep: Int) -> [Double] {
        let (from, to) = (points[index], points[index + 1])
        guard to.sigma > 0 else { return [-to.alpha * from.sigma / from.alpha] }
        let places = points.places(upTo: index, count: order(at: index, from: firstStep))
        // ρ = ρ_from·e^(−s), s = λ − λ_from
        return ExponentialIntegrals(over: to.lambda - from.lambda, rate: -1).weights(at: places)
            .map { -to.alpha * from.sigma / from.alpha * $0 }
    }
}

extension SamplerName {
    static let deis = SamplerName(
        "deis", webui: "DEIS", classes: ["DEISMultistepScheduler"], order: 2,
        use: "exponential integrator of the noise: good in 15 to 25 steps; --solver-order 3 for more",
        solver: .init(orders: 1...3)
    ) { try DEIS($0) }
}

extension [MultistepPath.Point] {
    /// How far in λ the newest point and those before it lie from the newest: 0, and less and less. Fewer than `count`
    /// where two of them are one.
    func places(upTo index: Int, count: Int) -> [Double] {
        var places = [0.0]
        for age in 1..<Swift.max(count, 1) {
            let place = self[index - age].lambda - self[index].lambda
            guard let last = places.last, place < last else { break }
            places.append(place)
        }
        return places
    }
}
