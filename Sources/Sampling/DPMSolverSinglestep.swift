/// DPM-Solver and DPM-Solver++ singlestep (Lu et al. 2022, algorithm 1; DPM-Solver-2 and 3 of the older paper): steps go in
/// groups of `order`, of which each starts anew from where the group began; diffusers' DPMSolverSinglestepScheduler.
///
/// Every evaluation of the network counts as a step, as in diffusers.
struct DPMSolverSinglestep: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let algorithm: DPMAlgorithm
    private let solver: DPMSolverType
    private let limit: SampleLimit
    /// What each step makes of its group: 1 starts one.
    private let orders: [Int]

    init(_ settings: SamplerSettings) throws {
        var settings = settings
        // What the class does not know.
        (settings.config.timestepSpacing, settings.config.stepsOffset) = (.linspace, 0)
        settings.config.rescaleBetasZeroSNR = settings.config.alwaysRescalesBetas
        algorithm = try DPMAlgorithm(settings.config)
        guard algorithm != .noiseSDE else {
            throw SamplingError.unsupported(
                what: "algorithm_type \(quoted(algorithm.rawValue)) in single steps",
                supported: "dpmsolver++, sde-dpmsolver++, dpmsolver")
        }
        if algorithm.predictsNoise { settings.config.finalSigmasType = .smallest }
        solver = try DPMSolverType(settings)
        let config = settings.config
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: true, endsAtLadder: false) { schedule, _ in schedule == .karras })
        (levels, points) = (path.levels, path.points)
        limit = SampleLimit(config, clips: nil)
        let order = settings.solver.order ?? config.solverOrder
        orders = Self.orders(
            // The third order of the SDE has diffusers' wrong sign, as in the multistep solver.
            algorithm.isStochastic ? min(order, 2) : order, steps: levels.count,
            endsClean: points.last?.sigma == 0, lowersAtEnd: config.lowerOrderFinal ?? false)
    }

    /// 1, 2, 3, 1, 2, 3, …: lower at the end where the groups do not come out even, or where it is asked for.
    private static func orders(_ order: Int, steps: Int, endsClean: Bool, lowersAtEnd: Bool) -> [Int] {
        var orders = (0..<steps).map { $0 % order + 1 }
        if order > 1, lowersAtEnd || endsClean || steps % order != 0 {
            let whole = (steps - 1) / order * order
            let ends = order == 2 ? [[1], [1, 1]] : [[1], [1, 2], [1, 2, 1]]
            orders.replaceSubrange(whole..., with: ends[steps - whole - 1])
        }
        if endsClean, !orders.isEmpty { orders[orders.count - 1] = 1 }
        return orders
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var start = x  // where the group began
        var history = History(limit: 3)  // predictions of x₀, or of ε
        for index in firstStep..<levels.count {
            let denoised = try denoise(x, levels[index])
            history.add(limit.prediction(of: denoised, in: x, at: levels[index], isNoise: algorithm.predictsNoise))
            let drawn = algorithm.isStochastic ? noise() : nil
            // A run from the middle may begin within a group, of which it knows nothing.
            let order = min(orders[index], history.count)
            if order == 1 { start = x }
            x = try afterStep(index, group(endingAt: index, start, history, order: order, noise: drawn))
        }
        return x
    }

    /// - Parameters:
    ///   - start: the sample `order` − 1 steps ago
    private func group(
        endingAt index: Int, _ start: Sample, _ history: History, order: Int, noise: Sample?
    ) -> Sample {
        let (from, to) = (points[index - order + 1], points[index + 1])
        let h = to.lambda - from.lambda
        guard h > 0 else { return start }
        let weights = DPMStep(from: from, to: to, algorithm)
        let oldest = history[order - 1]
        var next = weights.kept * start + weights.first * oldest
        // How far along the step the newest prediction lies, and the one before it.
        let newest = order > 1 ? (points[index].lambda - from.lambda) / h : 0
        let middle = order > 2 ? (points[index - 1].lambda - from.lambda) / h : 0
        if newest > middle {
            let slope = 1 / newest * (history[0] - oldest)
            if order == 2 || middle <= 0 {
                next += (solver == .midpoint && order == 2 ? weights.first / 2 : weights.second) * slope
            } else if solver == .midpoint {
                next += weights.second * slope
            } else {
                let early = 1 / middle * (history[1] - oldest)
                let bend = 2 / (newest - middle) * (slope - early)
                next += weights.second * (newest / (newest - middle) * early - middle / (newest - middle) * slope)
                next += weights.third * bend
            }
        }
        if let noise { next += weights.noise * noise }
        return next
    }
}

extension SamplerName {
    static let dpmppSinglestep = SamplerName(
        "dpm++_singlestep", webui: "DPM++ 2S", aliases: ["dpm++2s", "dpmpp_2s", "dpm_solver_singlestep"],
        classes: ["DPMSolverSinglestepScheduler"], order: 2, takesSpacing: false,
        use: "DPM-Solver++ without memory: steps in groups of its order, good in 20 to 30",
        solver: .init(orders: 1...3, types: ["midpoint", "heun"])
    ) { try DPMSolverSinglestep($0) }
}
