#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The stochastic Adams solver (Xue et al. 2023, algorithm 1): an Adams–Bashforth predictor and an Adams–Moulton corrector
/// of the variance-controlled SDE, of order 1 to 4; diffusers' SASolverScheduler.
struct SASolver: Sampler {
    enum Algorithm: String, CaseIterable {
        case data = "data_prediction"
        case noise = "noise_prediction"
    }

    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let algorithm: Algorithm
    private let limit: SampleLimit
    private let predictorOrder: Int
    private let correctorOrder: Int
    private let lowersAtEnd: Bool
    private let tau: Double

    init(_ settings: SamplerSettings) throws {
        var settings = settings
        settings.config.finalSigmasType = .smallest
        settings.config.rescaleBetasZeroSNR = settings.config.alwaysRescalesBetas
        let config = settings.config
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: true, endsAtLadder: true) { schedule, _ in schedule == .karras })
        (levels, points) = (path.levels, path.points)
        // A configuration of another class may say that class's algorithm.
        algorithm = config.algorithmType.flatMap(Algorithm.init(rawValue:)) ?? .data
        limit = SampleLimit(config, clips: nil)
        predictorOrder = settings.solver.order ?? config.predictorOrder
        correctorOrder = settings.solver.order ?? config.correctorOrder
        lowersAtEnd = config.lowerOrderFinal ?? true
        tau = settings.solver.tau ?? 1
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let predictors = (firstStep..<levels.count).map { predictor(at: $0, from: firstStep) }
        let correctors = (firstStep..<levels.count).map { corrector(at: $0, from: firstStep) }
        var x = x
        var last: (x: Sample, noise: Sample)?  // where the last step began, and what it drew
        var history = History(limit: 4)  // predictions of x₀, or of ε
        for index in firstStep..<levels.count {
            let denoised = try denoise(x, levels[index])
            history.add(limit.prediction(of: denoised, in: x, at: levels[index], isNoise: algorithm == .noise))
            if let last, let move = correctors[index - firstStep] {
                x = move.applied(to: last.x, history, noise: last.noise)
            }
            let drawn = noise()
            last = (x, drawn)
            x = predictors[index - firstStep].applied(to: x, history, noise: drawn)
            x = try afterStep(index, x)
        }
        return x
    }

    /// From a point to the next one, by the predictions up to it.
    private func predictor(at index: Int, from firstStep: Int) -> Move {
        let left = lowersAtEnd ? levels.count - index : predictorOrder
        let order = min(predictorOrder, left, index - firstStep + 1)
        return move(from: index, points.places(upTo: index, count: order))
    }

    /// From the point before to this one once more, now that its own prediction is known.
    private func corrector(at index: Int, from firstStep: Int) -> Move? {
        guard index > firstStep, points[index].lambda > points[index - 1].lambda else { return nil }
        let left = lowersAtEnd ? levels.count - index + 2 : correctorOrder
        let order = min(correctorOrder, left, index - firstStep + 1)
        let step = points[index].lambda - points[index - 1].lambda
        return move(from: index - 1, points.places(upTo: index, count: order).map { $0 + step })
    }

    /// How much noise a step adds: none at its ends, where it would stay or be lost.
    private func tau(at index: Int) -> Double { (200...800).contains(levels[index].timestep) ? tau : 0 }

    /// - Parameter places: of the predictions, newest first, in λ from where the step begins
    private func move(from index: Int, _ places: [Double]) -> Move {
        let (from, to) = (points[index], points[index + 1])
        let h = to.lambda - from.lambda
        let square = tau(at: index) * tau(at: index)
        guard to.sigma > 0 else {
            return algorithm == .data
                ? Move(kept: 0, weights: [to.alpha], noise: 0)
                : Move(kept: to.alpha / from.alpha, weights: [-to.alpha * from.sigma / from.alpha], noise: 0)
        }
        switch algorithm {
        case .data:
            let rate = 1 + square
            // For two predictions the paper's code, and diffusers, take the difference for half the step.
            let half = places.count == 2 ? h * h / 2 * exp(rate * h) : nil
            let weights = ExponentialIntegrals(over: h, rate: rate).weights(at: places, firstMoment: half)
            return Move(
                kept: exp(-square * h) * to.sigma / from.sigma,
                weights: weights.map { rate * to.alpha * exp(-rate * h) * $0 },
                noise: to.sigma * (-expm1(-2 * square * h)).squareRoot())
        case .noise:
            let weights = ExponentialIntegrals(over: h, rate: -1).weights(at: places)
            return Move(
                kept: to.alpha / from.alpha, weights: weights.map { -(1 + square) * to.sigma * exp(h) * $0 },
                noise: square.squareRoot() * to.sigma * expm1(2 * h).squareRoot())
        }
    }

    private struct Move {
        let kept: Double
        /// Of the predictions, newest first.
        let weights: [Double]
        let noise: Double

        func applied(to x: Sample, _ history: History, noise drawn: Sample) -> Sample {
            var next = kept * x
            for (age, weight) in weights.enumerated() { next += weight * history[age] }
            next += noise * drawn
            return next
        }
    }
}

extension SamplerName {
    static let saSolver = SamplerName(
        "sa_solver", webui: "SA Solver", classes: ["SASolverScheduler"], order: 2, isStochastic: true,
        use: "predictor and corrector with noise in the middle of the run: good in 20 to 50 steps",
        solver: .init(orders: 1...4, hasTau: true)
    ) { try SASolver($0) }
}
