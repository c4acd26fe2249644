#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver++ multistep, of order 1 to 3 as an ODE or 1 to 2 as an SDE (Lu et al. 2022, algorithm 2);
/// diffusers' DPMSolverMultistepScheduler with algorithm_type dpmsolver++ or sde-dpmsolver++.
struct DPMSolver: Sampler {
    enum Algorithm: String, CaseIterable, Sendable {
        case ode = "dpmsolver++"
        case sde = "sde-dpmsolver++"

        /// - Throws: `SamplingError.unsupported` for DPM-Solver without the pluses.
        init(_ config: SchedulerConfig) throws {
            let name = config.algorithmType ?? Algorithm.ode.rawValue
            guard let algorithm = Algorithm(rawValue: name == "deis" ? Algorithm.ode.rawValue : name) else {
                throw SamplingError.unsupported(
                    what: "algorithm_type \(quoted(name))",
                    supported: Algorithm.allCases.map(\.rawValue).joined(separator: ", "))
            }
            self = algorithm
        }
    }

    private enum Solver { case midpoint, heun }

    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let algorithm: Algorithm
    private let solver: Solver
    private let limit: SampleLimit
    private let config: SchedulerConfig
    private let highestOrder: Int
    private let noiseFactor: Double

    init(_ settings: SamplerSettings, _ algorithm: Algorithm) throws {
        let config = settings.config
        try config.refuse("use_lu_lambdas", config.useLuLambdas)
        // The names of the other multistep solvers mean this one's default, as in diffusers.
        try config.refuse(
            "solver_type", config.solverType, unless: ["midpoint", "heun", "logrho", "bh1", "bh2"])
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: true, endsAtLadder: false) { schedule, betas in
                schedule == .karras && betas != .squaredCosine
            })
        levels = path.levels
        points = path.points
        self.algorithm = algorithm
        solver = config.solverType == "heun" ? .heun : .midpoint
        limit = SampleLimit(config, clips: nil)
        self.config = config
        noiseFactor = settings.noiseFactor ?? 1
        // diffusers' third order has a wrong sign for the SDE (its last weight does not vanish with the step).
        highestOrder = algorithm == .sde ? min(config.solverOrder, 2) : config.solverOrder
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: () -> Sample, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var history = History(limit: 3)  // predictions of x₀
        for index in firstStep..<levels.count {
            let x0 = limit.applied(to: try denoise(x, levels[index]).x0)
            history.add(x0)
            let drawn = algorithm == .sde ? noise() : nil
            x = step(index, x, history, order: min(order(at: index), history.count), noise: drawn)
            x = try afterStep(index, x)
        }
        return x
    }

    /// The order wanted for a step: lower at the end, for stability.
    private func order(at index: Int) -> Int {
        let few = config.lowerOrderFinal && levels.count < 15
        if index == levels.count - 1, config.eulerAtFinal || few || config.finalSigmasType == .zero {
            return 1
        }
        if index == levels.count - 2, few { return min(highestOrder, 2) }
        return highestOrder
    }

    private func step(_ index: Int, _ x: Sample, _ history: History, order: Int, noise: Sample?) -> Sample {
        let (from, to) = (points[index], points[index + 1])
        let h = to.lambda - from.lambda
        guard h > 0 else { return x }  // two steps at one timestep: nothing to integrate over

        let (keep, first, second, third, spread): (Double, Double, Double, Double, Double)
        switch algorithm {
        case .ode:
            keep = to.sigma / from.sigma
            (first, second, third) = Self.integrals(h)
            spread = 0
        case .sde:
            keep = to.sigma / from.sigma * exp(-h)
            (first, second, third) = Self.integrals(2 * h)
            spread = to.sigma * (-expm1(-2 * h)).squareRoot()
        }
        var next = keep * x + to.alpha * first * history[0]
        let previous = order > 1 ? from.lambda - points[index - 1].lambda : 0
        if order > 1, previous > 0 {
            let slope = h / previous * history[0] - h / previous * history[1]
            let earlier = order > 2 ? points[index - 1].lambda - points[index - 2].lambda : 0
            if order > 2, earlier > 0 {
                let (r0, r1) = (previous / h, earlier / h)
                let older = 1 / r1 * history[1] - 1 / r1 * history[2]
                let bend = 1 / (r0 + r1) * slope - 1 / (r0 + r1) * older
                next += to.alpha * second * (slope + r0 * bend)
                next += to.alpha * third * bend
            } else {
                next += to.alpha * (solver == .midpoint ? first / 2 : second) * slope
            }
        }
        if let noise { next += noiseFactor * spread * noise }
        return next
    }

    /// The weights of x₀, its first and its second difference over a step of h in λ (twice the step for an SDE).
    private static func integrals(_ h: Double) -> (first: Double, second: Double, third: Double) {
        guard h.isFinite else { return (1, 1, 0.5) }
        let decay = expm1(-h)
        return (-decay, decay / h + 1, -((decay + h) / (h * h) - 0.5))
    }
}

extension SamplerName {
    static let dpmpp2m = SamplerName(
        "dpm++2m", webui: "DPM++ 2M", aliases: ["k_dpmpp_2m", "dpm++", "sample_dpmpp_2m"],
        classes: ["DPMSolverMultistepScheduler"], order: 2, use: "DPM-Solver++ 2M: good in 15 to 25 steps"
    ) { try DPMSolver($0, .ode) }

    static let dpmpp2mSDE = SamplerName(
        "dpm++2m_sde", webui: "DPM++ 2M SDE",
        aliases: ["k_dpmpp_2m_sde", "dpm++sde2m", "sample_dpmpp_2m_sde", "dpmpp_2m_sde_gpu"],
        order: 2, isStochastic: true, options: .noiseFactor, use: "DPM-Solver++ 2M with new noise in every step"
    ) { try DPMSolver($0, .sde) }
}
