import Sampling

/// Which sampler and schedule a request means, in the program that it is to be like.
struct SamplerChoice {
    /// By the name that was asked for; nil: the model's configuration names none that is known.
    let sampler: SamplerName?
    /// What it is there.
    let runs: SamplerName?
    let schedule: ScheduleName?
    /// Noise that it adds there by itself; nil: its own.
    let eta: Float?
    /// Whose random numbers, where none are asked for.
    let generator: GeneratorName
    let warnings: [String]
    private let habits: Habits
    /// Whether its steps are laid out as the program does.
    private let isFollowed: Bool

    /// - Throws: `SamplingError` for names that are not known
    init(_ request: Request, _ habits: Habits, _ scheduler: SchedulerConfig) throws {
        self.habits = habits
        var schedule = try request.schedule.map { try ScheduleName(named: $0) }
        var sampler = SamplerName.configured(scheduler)
        // Models that were distilled for a sampler want it everywhere.
        let isDistilled = ["lcm", "tcd"].contains(sampler?.rawValue)
        if let name = request.sampler ?? (isDistilled ? nil : habits.sampler) {
            let parsed = try SamplerName.parse(name)
            sampler = parsed.sampler
            schedule = schedule ?? parsed.schedule
        }
        self.sampler = sampler
        let own = request.likeness == .webui ? sampler.flatMap { SamplerName.ofTheWebUI($0.rawValue) } : nil
        runs =
            own ?? sampler.flatMap { habits.meantSamplers[$0.rawValue] }.flatMap(SamplerName.init(rawValue:)) ?? sampler
        // Models that know any σ are laid out as diffusers does.
        isFollowed =
            habits.conventions != nil && scheduler.sigmaData == nil
            && runs.map { habits.samplers.contains($0.rawValue) } == true
        if isFollowed, let sampler, schedule == nil, request.sampling.tuning.sigmas == nil, runs?.takesSchedule == true
        {
            schedule = ScheduleName(rawValue: habits.schedules[sampler.rawValue] ?? "normal")
        }
        let meant = schedule.flatMap { habits.meantSchedules[$0.rawValue] }.flatMap(ScheduleName.init(rawValue:))
        self.schedule = meant ?? schedule
        eta = runs.flatMap { habits.etas[$0.rawValue] }
        generator = runs.flatMap { habits.generators[$0.rawValue] } ?? habits.generator
        if habits.conventions != nil, !isFollowed, let sampler {
            warnings = [
                "the sampler \(sampler) steps as diffusers has it, and not as in \(request.likeness.rawValue): the picture "
                    + "will be another"
            ]
        } else {
            warnings = []
        }
    }

    /// The settings with a run laid out as in the program.
    func laidOut(
        _ settings: SamplerSettings, _ part: RunConventions.Part, _ request: Request, startsFromPicture: Bool
    ) -> SamplerSettings {
        var settings = settings
        guard isFollowed, var conventions = habits.conventions, let runs else {
            switch part {
            case .all: break
            case .from(let first): settings.firstStep = first
            case .last(let count): settings.firstStep = max(settings.steps - count, 0)
            }
            return settings
        }
        conventions.part = part
        conventions.leavesOutPenultimate =
            habits.leavesOutPenultimate.contains(runs.rawValue) || request.webUI.leavesOutPenultimate == true
        if request.webUI.usesSGMNoise == true, !startsFromPicture { conventions.start = .variance }
        settings.conventions = conventions
        settings.config = settings.config.withoutHabits
        return settings
    }
}

extension SamplerChoice {
    /// Says so if the sampler cannot begin at the first of these levels.
    func warnings(ofTheFirstOf levels: ArraySlice<NoiseLevel>) -> [String] {
        guard let sampler = runs, let first = levels.first, first.sigma > 1000 * first.alpha else { return [] }
        let second = levels.dropFirst().first ?? first
        let isShort = second.sigma * first.alpha > 0.1 * first.sigma * second.alpha
        let advice: String
        switch sampler.pureNoise {
        case .draws: return []
        case .drawsInShortSteps:
            if isShort { return [] }
            advice = "give --schedule karras, or choose another"
        case .breaks: advice = "choose another"
        }
        return [
            "this model begins at nothing but noise, from where the sampler \(sampler) does not find to a picture: "
                + advice
        ]
    }
}

extension RunPlan {
    /// What only one program knows.
    static func checkLikeness(_ request: Request, _ kind: Canvas.Kind) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        let webUI = request.webUI
        guard webUI == WebUIOptions() || request.likeness == .webui else {
            throw usage(
                "ENSD, SGM noise, the next-to-last σ, the noise multiplier and masked content are settings of the webui: "
                    + "give --like webui, or leave them out")
        }
        if webUI.noiseMultiplier != nil {
            guard kind != .text else {
                throw usage(
                    "the webui's noise multiplier is for the noise on a picture: give one with -i, or leave it out")
            }
        }
        if request.likeness == .comfyui, request.sampling.tuning.sigmas != nil, (request.source.strength ?? 1) < 1 {
            throw usage(
                "ComfyUI makes a strength of more steps, of which there are none beside --sigmas: leave one out")
        }
        if webUI.usesSGMNoise == true, kind != .text {
            throw usage("SGM noise is what a run from text begins with: leave out -i, or the noise")
        }
        if webUI.maskedContent != nil, kind != .inpainting {
            throw usage("masked content needs a mask: give one with --mask")
        }
        guard let place = request.seeds.place else { return }
        guard request.likeness == .comfyui, (1...4096).contains(place.count), (0..<place.count).contains(place.index)
        else {
            throw usage("a place in a batch is one of ComfyUI's, of at most 4096 pictures, counted from 0")
        }
        guard request.count == 1 else {
            throw usage("a picture of a batch is drawn again by itself: leave out -b, or its place in the batch")
        }
    }
}
