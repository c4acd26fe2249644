/// DPM-Solver and DPM-Solver++ multistep, of order 1 to 3 as an ODE or 1 to 2 as an SDE (Lu et al. 2022, algorithm 2);
/// diffusers' DPMSolverMultistepScheduler.
struct DPMSolver: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let points: [MultistepPath.Point]
    private let algorithm: DPMAlgorithm
    private let solver: DPMSolverType
    private let limit: SampleLimit
    private let config: SchedulerConfig
    private let highestOrder: Int
    private let added: AddedNoise

    init(_ settings: SamplerSettings, _ algorithm: DPMAlgorithm) throws {
        var settings = settings
        // ε grows without bound towards a clean end, so the older solver stops at the smallest noise of training.
        if algorithm.predictsNoise { settings.config.finalSigmasType = .smallest }
        config = settings.config
        try config.refuse("use_lu_lambdas", config.useLuLambdas)
        solver = try DPMSolverType(settings)
        let path = try MultistepPath(
            settings,
            .init(clipsLambda: true, endsAtLadder: false) { schedule, betas in
                schedule == .karras && betas != .squaredCosine
            })
        levels = path.levels
        points = path.points
        added = AddedNoise(settings)
        self.algorithm = algorithm == .sde && added.eta == 0 ? .ode : algorithm
        limit = SampleLimit(config, clips: nil)
        let order = settings.solver.order ?? config.solverOrder
        // diffusers' third order has a wrong sign for the SDE on x₀ (its last weight does not vanish with the step), and
        // none for that on ε.
        highestOrder = algorithm.isStochastic ? min(order, 2) : order
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let noise = noise.along(points[firstStep...].map(\.exploding), in: x.pool)
        var x = x
        var history = History(limit: 3)  // predictions of x₀, or of ε
        for index in firstStep..<levels.count {
            let denoised = try denoise(x, levels[index])
            history.add(limit.prediction(of: denoised, in: x, at: levels[index], isNoise: algorithm.predictsNoise))
            let (from, to) = (points[index].exploding, points[index + 1].exploding)
            let drawn = algorithm.isStochastic ? noise(from: Double(from), to: Double(to)) : nil
            x = step(index, x, history, order: min(order(at: index), history.count), noise: drawn)
            x = try afterStep(index, x)
        }
        return x
    }

    /// The order wanted for a step: lower at the end, for stability.
    private func order(at index: Int) -> Int {
        let few = (config.lowerOrderFinal ?? true) && levels.count < 15
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

        // A clean end lies at infinity, where there is no second order.
        let order = h.isFinite ? order : 1
        let weights = DPMStep(from: from, to: to, algorithm, eta: added.eta)
        var next = weights.kept * x + weights.first * history[0]
        let previous = order > 1 ? from.lambda - points[index - 1].lambda : 0
        if order > 1, previous > 0 {
            let slope = h / previous * history[0] - h / previous * history[1]
            let earlier = order > 2 ? points[index - 1].lambda - points[index - 2].lambda : 0
            if order > 2, earlier > 0 {
                let (r0, r1) = (previous / h, earlier / h)
                let older = 1 / r1 * history[1] - 1 / r1 * history[2]
                let bend = 1 / (r0 + r1) * slope - 1 / (r0 + r1) * older
                next += weights.second * (slope + r0 * bend)
                next += weights.third * bend
            } else {
                next += (solver == .midpoint ? weights.first / 2 : weights.second) * slope
            }
        }
        if let noise { next += added.factor * weights.noise * noise }
        return next
    }
}

extension SamplerName {
    static let dpmpp2m = SamplerName(
        "dpm++2m", webui: "DPM++ 2M", aliases: ["k_dpmpp_2m", "dpm++", "sample_dpmpp_2m"],
        classes: ["DPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler"], order: 2,
        use: "DPM-Solver++ 2M: good in 15 to 25 steps",
        solver: .init(orders: 1...3, types: ["midpoint", "heun"])
    ) { try DPMSolver($0, .ode) }

    static let dpmpp2mSDE = SamplerName(
        "dpm++2m_sde", webui: "DPM++ 2M SDE",
        aliases: ["k_dpmpp_2m_sde", "dpm++sde2m", "sample_dpmpp_2m_sde", "dpmpp_2m_sde_gpu"],
        order: 2, isStochastic: true, options: [.eta, .noiseFactor, .brownianNoise],
        use: "DPM-Solver++ 2M with new noise in every step",
        solver: .init(orders: 1...2, types: ["midpoint", "heun"])
    ) { try DPMSolver($0, .sde) }

    static let dpmSolver = SamplerName(
        "dpm_solver", webui: "DPM-Solver", aliases: ["dpmsolver_2m"], order: 2,
        use: "the older DPM-Solver, on the noise: for models without guidance, in 20 to 50 steps",
        solver: .init(orders: 1...3, types: ["midpoint", "heun"])
    ) { try DPMSolver($0, .noiseODE) }

    static let dpmSolverSDE = SamplerName(
        "dpm_solver_sde", webui: "DPM-Solver SDE", aliases: ["sde_dpmsolver"], order: 1, isStochastic: true,
        pureNoise: .breaks, use: "the older DPM-Solver with new noise in every step; wants 50 steps and more",
        solver: .init(orders: 1...2, types: ["midpoint", "heun"])
    ) { try DPMSolver($0, .noiseSDE) }
}
