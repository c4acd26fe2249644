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

    init(steps: Int, schedule: ScheduleName?, config: SchedulerConfig) throws {
        try config.refuse("predict_x0 false", !config.predictX0)
        // The names of the other multistep solvers mean this one's default, as in diffusers.
        try config.refuse(
            "solver_type", config.solverType, unless: ["bh1", "bh2", "midpoint", "heun", "logrho"])
        let path = try MultistepPath(
            steps: steps, schedule: schedule, config: config,
            .init(clipsLambda: false, endsAtLadder: true) { schedule, _ in schedule == .karras })
        levels = path.levels
        points = path.points
        usesBH1 = config.solverType == "bh1"
        limit = SampleLimit(config, clips: nil)
        self.config = config
    }

    func sample(
        _ x: [Float], from firstStep: Int, denoise: ([Float], NoiseLevel) throws -> Denoised,
        noise: () -> [Float], afterStep: (Int, [Float]) throws -> [Float]
    ) throws -> [Float] {
        var x = x
        var history: [[Float]] = []  // predictions of x₀, newest first
        var last: (x: [Float], order: Int)?  // the sample before the last prediction, and that one's order
        for index in firstStep..<levels.count {
            let x0 = limit.applied(to: try denoise(x, levels[index]).x0)
            if let last, !config.disableCorrector.contains(index - 1) {
                x = moved(last.x, to: index, history, order: last.order, corrected: x0) ?? x
            }
            history = [x0] + history.prefix(config.solverOrder - 1)
            let left = config.lowerOrderFinal ? levels.count - index : config.solverOrder
            let order = min(config.solverOrder, left, history.count)
            last = (x, order)
            x = moved(x, to: index + 1, history, order: order, corrected: nil) ?? x
            x = try afterStep(index, x)
        }
        return x
    }

    /// The sample at point `index`, from the one at the point before.
    ///
    /// - Parameters:
    ///   - history: predictions of x₀ at the point before, the one before it, and so on.
    ///   - corrected: the prediction at `index` itself, for the corrector.
    /// - Returns: nil if the two points are the same.
    private func moved(
        _ x: [Float], to index: Int, _ history: [[Float]], order: Int, corrected: [Float]?
    ) -> [Float]? {
        let (from, to) = (points[index - 1], points[index])
        let h = to.lambda - from.lambda
        guard h > 0 else { return nil }
        let phi1 = expm1(-h)
        let b = usesBH1 ? -h : phi1

        // Differences to the earlier predictions, each over its distance in λ, in steps.
        var ratios: [Double] = []
        for earlier in 1..<max(order, 1) where h.isFinite {
            let ratio = (points[index - 1 - earlier].lambda - from.lambda) / h
            guard ratio < (ratios.last ?? 0) else { break }
            ratios.append(ratio)
        }
        var differences = ratios.enumerated().map { position, ratio in
            combined(Float(1 / ratio), history[position + 1], Float(-1 / ratio), history[0])
        }
        if let corrected {
            differences.append(combined(1, corrected, -1, history[0]))
            ratios.append(1)
        }
        // The short orders are given by hand in the paper's code and in diffusers.
        let weights = ratios.count == 1 ? [0.5] : Self.weights(ratios, h: h, b: b)

        var terms = [(Float(to.sigma / from.sigma), x), (Float(-to.alpha * phi1), history[0])]
        terms += zip(weights, differences).map { (Float(-to.alpha * b * $0), $1) }
        return weightedSum(terms)
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
