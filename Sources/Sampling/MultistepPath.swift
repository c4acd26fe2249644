#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What DPM-Solver++ and UniPC share: samples of unit variance on a ladder of σ, measured in λ = log(α/σ).
struct MultistepPath: Sendable {
    /// The levels of the steps.
    let levels: [NoiseLevel]
    /// α, σ and λ of every step and of the end; λ is infinite where the end is clean.
    let points: [Point]

    struct Point: Sendable, Equatable {
        let alpha: Double
        let sigma: Double
        let lambda: Double
        /// σ where the variance explodes: σ/α.
        let exploding: Float

        init(_ sigma: Float) {
            exploding = sigma
            let sigma = Double(sigma)
            alpha = 1 / (sigma * sigma + 1).squareRoot()
            self.sigma = sigma * alpha
            lambda = -log(sigma)
        }
    }

    /// What differs between the two.
    struct Traits {
        /// DPM-Solver++ leaves out timesteps below `lambda_min_clipped`.
        var clipsLambda: Bool
        /// Where spaced σ end with `final_sigmas_type` sigma_min: at the smallest of the ladder or of training.
        var endsAtLadder: Bool
        /// Whether the timesteps of diffusers' spaced σ are rounded; a fraction is dropped otherwise.
        var rounds: (ScheduleName, BetaSchedule) -> Bool
    }

    init(_ settings: SamplerSettings, _ traits: Traits) throws {
        let (steps, config) = (settings.steps, settings.config)
        try config.refuse("use_flow_sigmas", config.useFlowSigmas)
        try config.refuse("use_dynamic_shifting", config.useDynamicShifting)
        let train = config.numTrainTimesteps
        if let conventions = settings.conventions {
            let table = conventions.table(config)
            let (ladder, end) = try conventions.ladder(settings, of: table)
            let sigmas = ladder.sigmas.map { Float($0) }
            levels = zip(sigmas, ladder.timesteps).map { NoiseLevel(preserving: $0, timestep: Float($1)) }
            points = (sigmas + [Float(end)]).map { Point($0) }
            return
        }
        let table = SigmaTable(config)
        let isContinuous = config.sigmaData != nil
        var last = train
        if traits.clipsLambda, let lowest = config.lambdaMinClipped {
            last = table.sigmas.firstIndex { -log(Double($0)) < lowest } ?? train
        }
        var ladder: SigmaLadder
        var end = config.finalSigmasType == .smallest ? Float(table.lowest) : 0
        if let sigmas = settings.sigmas {
            ladder = SigmaLadder(sigmas, of: table)
            end = 0
        } else {
            let timesteps = try Timesteps.multistep(
                config.timestepSpacing ?? .linspace, steps: steps, train: train, offset: config.stepsOffset,
                last: max(last, 1))
            ladder = isContinuous ? SigmaLadder([], of: table) : SigmaLadder(at: timesteps, of: table)
            let schedule = try settings.schedule ?? ScheduleName(config)
            if case .sigmas(let spaced) = schedule.kind {
                ladder = try SigmaLadder(spaced, from: table.highest, to: table.lowest, settings, of: table)
                // Schedules that diffusers has not tell the network fractions, as k-diffusion does.
                if !isContinuous, [.karras, .exponential, .beta].contains(schedule) {
                    let rounds = traits.rounds(schedule, config.betaSchedule)
                    ladder.timesteps = ladder.timesteps.map { $0.rounded(rounds ? .toNearestOrEven : .towardZero) }
                }
                if traits.endsAtLadder && config.finalSigmasType == .smallest {
                    end = Float(ladder.sigmas.last ?? Double(end))
                }
            }
        }
        let sigmas = ladder.sigmas.map { Float($0) }
        levels = zip(sigmas, ladder.timesteps).map { NoiseLevel(preserving: $0, timestep: Float($1)) }
        points = (sigmas + [end]).map { Point($0) }
    }
}
