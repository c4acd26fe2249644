/// What the samplers in σ of k-diffusion share: x = x₀ + σ·ε and a ladder of σ that ends at 0.
struct SigmaPath: Sendable {
    let levels: [NoiseLevel]
    /// σ of every step and of the end: one more than levels.
    let sigmas: [Float]
    let initialNoiseScale: Float
    /// σ of the training steps.
    let table: SigmaTable

    /// What differs between diffusers' classes of this family.
    struct Traits {
        var defaultBetas = (start: 0.0001, end: 0.02)
        var rescalesToZeroSNR = false
        /// Whether `final_sigmas_type` is obeyed.
        var choosesEnd = false
        /// Whether `use_karras_sigmas` and its like are obeyed; a schedule asked for by name always is.
        var readsSchedule = true
        /// Whether the network is told whole timesteps where σ are spaced as Karras does.
        var roundsKarras = false
    }

    init(_ settings: SamplerSettings, _ traits: Traits) throws {
        let (steps, config) = (settings.steps, settings.config)
        let spacing = config.timestepSpacing ?? .linspace
        if let conventions = settings.conventions {
            table = conventions.table(config)
            let (ladder, end) = try conventions.ladder(settings, of: table)
            sigmas = (ladder.sigmas + [end]).map { Float($0) }
            levels = zip(sigmas, ladder.timesteps).map { NoiseLevel(exploding: $0, timestep: Float($1)) }
            initialNoiseScale = levels.first.map { conventions.noiseScale(at: $0, config) } ?? 1
            return
        }
        table = SigmaTable(config, defaultBetas: traits.defaultBetas, rescalesToZeroSNR: traits.rescalesToZeroSNR)
        let isContinuous = config.sigmaData != nil
        var ladder: SigmaLadder
        if let sigmas = settings.sigmas {
            ladder = SigmaLadder(sigmas, of: table)
        } else {
            let timesteps = try Timesteps.evenly(
                spacing, steps: steps, train: config.numTrainTimesteps, offset: config.stepsOffset)
            ladder =
                isContinuous
                ? SigmaLadder([table.highest, table.lowest], of: table)
                : SigmaLadder(at: timesteps.map { Double(Float($0)) }, of: table)
            let readsSchedule = traits.readsSchedule || isContinuous
            let schedule = try settings.schedule ?? (readsSchedule ? ScheduleName(config) : .discrete)
            if case .sigmas(let spaced) = schedule.kind, let highest = ladder.sigmas.first,
                let lowest = ladder.sigmas.last
            {
                ladder = try SigmaLadder(spaced, from: highest, to: lowest, settings, of: table)
                if schedule == .karras && traits.roundsKarras {
                    ladder.timesteps = ladder.timesteps.map { $0.rounded(.toNearestOrEven) }
                }
            }
        }
        let endsEarly = traits.choosesEnd && config.finalSigmasType == .smallest && settings.sigmas == nil
        sigmas = ladder.sigmas.map { Float($0) } + [endsEarly ? Float(table.lowest) : 0]
        levels = zip(sigmas, ladder.timesteps).map { NoiseLevel(exploding: $0, timestep: Float($1)) }
        let highest = sigmas.max() ?? 0
        initialNoiseScale = spacing == .leading || isContinuous ? (highest * highest + 1).squareRoot() : highest
    }

    /// dx/dσ = (x − x₀)/σ at a level. This is ε; but where σ is in the thousands float32 leaves a visible difference,
    /// and diffusers has it this way.
    static func slope(of x: Sample, to x0: Sample, at level: NoiseLevel) -> Sample {
        (x - x0) / level.sigma
    }

    /// The level of a σ between those of the steps.
    func level(of sigma: Double) -> NoiseLevel {
        NoiseLevel(exploding: Float(sigma), timestep: Float(table.timestep(of: sigma)))
    }

    /// For methods that divide by the distance of two steps: steps_offset can push the first two timesteps to the end
    /// of the training steps, and to one σ.
    func requireFalling() throws {
        guard zip(sigmas, sigmas.dropFirst()).allSatisfy({ $0 > $1 }) else {
            throw SamplingError.steps(
                asked: levels.count, allowed: 1...max(1, levels.count - 1), reason: "two of them have the same noise")
        }
    }
}

/// A sampler whose levels are those of a path in σ.
protocol SigmaPathSampler: Sampler {
    var path: SigmaPath { get }
}

extension SigmaPathSampler {
    var levels: [NoiseLevel] { path.levels }
    var initialNoiseScale: Float { path.initialNoiseScale }
}
