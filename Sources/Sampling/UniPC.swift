#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The unified predictor–corrector of Zhao et al. 2023 (algorithms 5 to 8) on x₀, of order 1 to 3, with B(h) = h or
/// eʰ − 1; diffusers' UniPCMultistepScheduler.
struct UniPC: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let usesBH1: Bool
    private let limit: SampleLimit
    private let config: SchedulerConfig

    init(_ settings: SamplerSettings) throws {
        var config = settings.config
        try config.refuse("predict_x0 false", !config.predictX0)
        // The names of the other multistep solvers mean this one's default, as in diffusers.
        try config.refuse(
            "solver_type", config.solverType, unless: ["bh1", "bh2", "midpoint", "heun", "logrho"])
        config.solverOrder = settings.solver.order ?? config.solverOrder
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: false, endsAtLadder: true) { schedule, _ in schedule == .karras })
        levels = path.levels
        points = path.points
        usesBH1 = (settings.solver.type ?? config.solverType) == "bh1"
        limit = SampleLimit(config, clips: nil)
        self.config = config
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let predictors = (firstStep..<levels.count).map { predictor(at: $0, from: firstStep) }
        let correctors = (firstStep..<levels.count).map { corrector(at: $0, from: firstStep) }
        var x = x
        var last = x  // the sample before the last prediction
        var history = History(limit: config.solverOrder)  // predictions of x₀
        for index in firstStep..<levels.count {
            let x0 = limit.applied(to: try denoise(x, levels[index]).x0)
            if let move = correctors[index - firstStep] { x = move.applied(to: last, history, corrected: x0) }
            history.add(x0)
            last = x
            if let move = predictors[index - firstStep] { x = move.applied(to: x, history) }
            x = try afterStep(index, x)
        }
        return x
    }

    /// From a point to the next one.
    private func predictor(at index: Int, from firstStep: Int) -> Move? {
        move(to: index + 1, order: order(at: index, from: firstStep), corrects: false)
    }

    /// From the point before to this one once more, now that its own prediction is known.
    private func corrector(at index: Int, from firstStep: Int) -> Move? {
        guard index > firstStep, !config.disableCorrector.contains(index - 1) else { return nil }
        return move(to: index, order: order(at: index - 1, from: firstStep), corrects: true)
    }

    /// The order of a step: lower while few predictions are known, and at the end, for stability.
    private func order(at index: Int, from firstStep: Int) -> Int {
        let left = (config.lowerOrderFinal ?? true) ? levels.count - index : config.solverOrder
        return min(config.solverOrder, left, index - firstStep + 1)
    }

    /// What makes the sample at point `index` of the one at the point before; nil if the two points are the same.
    private func move(to index: Int, order: Int, corrects: Bool) -> Move? {
        let (from, to) = (points[index - 1], points[index])
        let h = to.lambda - from.lambda
        guard h > 0 else { return nil }
        let phi1 = expm1(-h)
        let b = usesBH1 ? -h : phi1

        // Distances in λ to the earlier predictions, in steps.
        var ratios: [Double] = []
        for earlier in 1..<max(order, 1) where h.isFinite {
            let ratio = (points[index - 1 - earlier].lambda - from.lambda) / h
            guard ratio < (ratios.last ?? 0) else { break }
            ratios.append(ratio)
        }
        let scales = ratios.map { 1 / $0 }
        if corrects { ratios.append(1) }
        // The short orders are given by hand in the paper's code and in diffusers.
        let weights = (ratios.count == 1 ? [0.5] : Self.weights(ratios, h: h, b: b)).map { -to.alpha * b * $0 }
        return Move(
            kept: to.sigma / from.sigma, newest: -to.alpha * phi1,
            earlier: zip(scales, weights).map { (scale: $0, weight: $1) }, correction: corrects ? weights.last : nil)
    }

    /// A step of the predictor or the corrector as the weights of what it combines.
    private struct Move {
        let kept: Double
        let newest: Double
        /// Of the differences to earlier predictions, each over its distance in λ.
        let earlier: [(scale: Double, weight: Double)]
        /// Of the difference to the prediction at the step's end.
        let correction: Double?

        /// - Parameter history: predictions of x₀ at the step's start, the point before it, and so on
        func applied(to x: Sample, _ history: History, corrected: Sample? = nil) -> Sample {
            var moved = kept * x + newest * history[0]
            for (index, (scale, weight)) in earlier.enumerated() {
                moved += weight * (scale * history[index + 1] - scale * history[0])
            }
            if let corrected, let correction { moved += correction * (corrected - history[0]) }
            return moved
        }
    }

    /// Solves Σ_m ratio_m^(k−1)·weight_m = k!·φ_k(−h)·h/B for k = 1, 2, … (the paper's equation 5).
    private static func weights(_ ratios: [Double], h: Double, b: Double) -> [Double] {
        var phi = expm1(-h) / -h - 1
        var factorial = 1.0
        var rows = ratios.indices.map { k in
            let right = phi * factorial / b
            factorial *= Double(k + 2)
            phi = phi / -h - 1 / factorial
            return ratios.map { pow($0, Double(k)) } + [right]
        }
        // Gauss–Jordan without pivoting: a Vandermonde matrix of distinct ratios, 3 × 3 at most.
        let count = ratios.count
        for column in 0..<count {
            let pivot = rows[column][column]
            rows[column] = rows[column].map { $0 / pivot }
            for row in 0..<count where row != column {
                let factor = rows[row][column]
                rows[row] = zip(rows[row], rows[column]).map { $0 - factor * $1 }
            }
        }
        return rows.map { $0[count] }
    }
}

extension SamplerName {
    static let unipc = SamplerName(
        "unipc", webui: "UniPC", aliases: ["uni_pc_bh2"], classes: ["UniPCMultistepScheduler"], order: 2,
        use: "predictor and corrector: good in 10 to 20 steps",
        solver: .init(orders: 1...3, types: ["bh1", "bh2"])
    ) { try UniPC($0) }
}
