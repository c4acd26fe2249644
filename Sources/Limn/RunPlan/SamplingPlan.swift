import Sampling

/// The sampler of a run, with its noise levels, and where in them the run begins.
struct SamplingPlan {
    /// The sampler that was asked for, and what it is in the program that the request is to be like.
    let choice: SamplerChoice
    let sampler: any Sampler
    /// Steps, as they were asked for: with noise levels by hand, their number.
    let askedSteps: Int
    /// Steps before this one are left out, for the run starts from a picture.
    let firstStep: Int
    /// The part of the way that is gone from a picture; nil where there is none.
    let strength: Double?
    /// η, as the sampler was asked for it.
    let eta: Float?
    /// Whether the steps are laid out as another program than diffusers does.
    let isLaidOut: Bool
    /// The standard deviation of the noise that a run begins with.
    let noiseScale: Float
    /// The σ that the noise of samplers of an SDE is a path from; nil: where the run begins.
    let pathStart: Float?
    /// What the network predicts.
    let parameterization: Parameterization
    /// What is not as it would be in the other program.
    let warnings: [String]

    /// How many steps are run: those of the sampler's list, which may be longer than what was asked for.
    var steps: Int { sampler.levels.count - firstStep }
    /// Whether the sampler looks at what the network says without the prompt.
    var readsUnconditional: Bool { choice.runs?.readsUnconditional == true }

    /// - Throws: `LimnError` or `SamplingError` for settings that are out of range, or that the sampler has no use for
    init(
        _ request: Request, _ choice: SamplerChoice, _ habits: Habits, _ kind: Canvas.Kind, family: ModelFamily,
        _ scheduler: SchedulerConfig
    ) throws {
        self.choice = choice
        var config = scheduler
        if let prediction = request.sampling.prediction { config.predictionType = prediction.type }
        config = try request.sampling.tuning.applied(to: config)
        parameterization = Parameterization(config)
        var settings = SamplerSettings(
            steps: request.steps, schedule: choice.schedule, sigmas: request.sampling.tuning.sigmas,
            eta: request.sampling.eta ?? choice.eta, family: family, config: config)
        try request.sampling.tuning.apply(to: &settings)
        settings.solver = request.sampling.solver.settings
        (askedSteps, eta) = (settings.steps, settings.eta)
        let startsFromPicture = kind == .picture || kind == .inpainting
        let strength = request.source.strength ?? habits.usualStrength ?? (kind == .inpainting ? 1 : 0.75)
        self.strength = startsFromPicture ? strength : nil
        var part = RunConventions.Part.all
        if startsFromPicture, settings.steps > 0 {
            (settings.steps, part) = try habits.strength.part(strength: strength, steps: settings.steps)
        }
        settings = choice.laidOut(settings, part, request, startsFromPicture: startsFromPicture)
        sampler = try makeSampler(choice.runs, settings)
        // Some schedules have fewer levels than steps were asked for.
        firstStep = min(settings.firstStep, sampler.levels.count - 1)
        if let conventions = settings.conventions, let first = sampler.levels.first, !(sampler is TimestepsOfTheWebUI) {
            noiseScale = conventions.noiseScale(at: first, settings.config)
        } else {
            noiseScale = sampler.initialNoiseScale
        }
        isLaidOut = settings.conventions != nil
        pathStart =
            try habits.followsWholePath && choice.runs?.takesSchedule == true ? settings.highestOfAll() : nil
        warnings = choice.warnings + choice.warnings(ofTheFirstOf: sampler.levels.dropFirst(max(firstStep, 0)))
    }

    /// Between steps, an ordinary model's kept pixels are put back at the noise that the next step begins with.
    func checkRepainting(_ kind: Canvas.Kind, _ habits: Habits, _ input: ModelDescription.Input) throws {
        guard kind == .inpainting, habits.repainting == .afterSteps, input != .maskedPicture,
            let name = choice.runs, !name.keepsToLevels
        else { return }
        throw LimnError(
            "the sampler \(name) chooses its steps on the way, so a part of a picture cannot be kept with this model:"
                + " choose another sampler, or an inpainting model", isUsage: true)
    }
}
