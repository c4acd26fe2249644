/// What the samplers in σ of k-diffusion share: x = x₀ + σ·ε and a ladder of σ that ends at 0.
struct SigmaPath: Sendable {
    let levels: [NoiseLevel]
    /// σ of every step and of the end: one more than levels.
    let sigmas: [Float]
    let initialNoiseScale: Float

    /// What differs between diffusers' classes of this family.
    struct Traits {
        var defaultBetas = (start: 0.0001, end: 0.02)
        var rescalesToZeroSNR = false
        /// Whether `final_sigmas_type` is obeyed.
        var choosesEnd = false
        /// Whether `use_karras_sigmas` and its like are obeyed; a schedule asked for by name always is.
        var readsSchedule = true
    }

    init(_ settings: SamplerSettings, _ traits: Traits) throws {
        let (steps, config) = (settings.steps, settings.config)
        let spacing = config.timestepSpacing ?? .linspace
        let noise = NoiseSchedule(
            config, defaultBetas: traits.defaultBetas, rescalesToZeroSNR: traits.rescalesToZeroSNR,
            keepsLastAboveZero: true)
        let table = noise.sigmas
        let timesteps = try Timesteps.evenly(
            spacing, steps: steps, train: config.numTrainTimesteps, offset: config.stepsOffset)
        var ladder = SigmaLadder(at: timesteps.map { Double(Float($0)) }, of: table)
        let schedule = try settings.schedule ?? (traits.readsSchedule ? ScheduleName(config) : .discrete)
        if schedule != .discrete, let highest = ladder.sigmas.first, let lowest = ladder.sigmas.last {
            ladder = SigmaLadder(
                schedule, from: highest, to: lowest, count: steps, config: config, table: table)
        }
        let end = traits.choosesEnd && config.finalSigmasType == .smallest ? table[0] : 0
        sigmas = ladder.sigmas.map { Float($0) } + [end]
        levels = zip(sigmas, ladder.timesteps).map { NoiseLevel(exploding: $0, timestep: Float($1)) }
        let highest = sigmas.max() ?? 0
        initialNoiseScale = spacing == .leading ? (highest * highest + 1).squareRoot() : highest
    }

    /// dx/dσ = (x − x₀)/σ at a level. This is ε; but where σ is in the thousands float32 leaves a visible difference,
    /// and diffusers has it this way.
    static func slope(of x: Sample, to x0: Sample, at level: NoiseLevel) -> Sample {
        (x - x0) / level.sigma
    }
}
