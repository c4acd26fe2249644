import Images
import Models
import Sampling

/// A request checked against a model, with everything left open chosen.
struct RunPlan {
    /// With what was chosen, for records.
    let request: Request
    /// Of the program that it is to be like.
    let habits: Habits
    let canvas: Canvas
    let seeds: SeedPlan
    let sampling: SamplingPlan
    let prompts: PromptPlan
    let guidance: GuidancePlan
    /// The guidance scale, which some models read.
    let guidanceScale: Float
    /// The layers of text encoders that are left out, counted from that which the model uses, as 1.
    let clipSkip: Int
    /// Steps of lower timesteps are the refiner's.
    let refinedBelow: Float
    /// How the VAE cuts the picture; nil if it takes it whole.
    let vaeTiling: VAETiling?

    /// - Parameters:
    ///   - hasRefiner: whether a refiner does the last steps
    ///   - lowMemory: whether the model was loaded so, which decides about tiles where the request does not
    /// - Throws: `LimnError` for what is out of range, and for what does not go together or with the model
    init(
        _ asked: Request, description: ModelDescription, scheduler: SchedulerConfig, hasRefiner: Bool = false,
        lowMemory: Bool = false
    ) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        var request = asked
        habits = request.likeness.habits
        try RequestField.checkRanges(of: request)
        canvas = try Canvas(request, description)
        let most = habits.sharesNoise ? 4096 : 10_000
        guard (1...most).contains(request.count) else {
            throw usage("\(request.count) pictures are not possible; ask for 1 to \(most)")
        }
        try Self.checkConditions(request, description, hasRefiner: hasRefiner)
        guidanceScale =
            request.guidanceScale ?? description.guidanceScale ?? habits.guidanceScale ?? description.usualGuidance
        let imageScale = request.guidance.imageScale ?? 1.5
        let choice = try SamplerChoice(request, habits, scheduler)
        guidance = try GuidancePlan(
            request, scale: guidanceScale, pictureScale: imageScale, description: description, hasRefiner: hasRefiner,
            isAlwaysGuided: choice.runs?.readsUnconditional == true)
        clipSkip = try description.clipSkip(request.text.clipSkip, habits.clipSkip)
        let refinerStart = request.conditions.refinerStart ?? 0.8
        guard hasRefiner || request.conditions.refinerStart == nil else {
            throw usage("there is no refiner that could start: give one with --refiner")
        }
        // As diffusers cuts: at a timestep, so that it is the noise that decides, not the number of steps.
        let train = Double(scheduler.numTrainTimesteps)
        refinedBelow = hasRefiner ? Float((train - refinerStart * train).rounded(.toNearestOrEven)) : -.infinity
        let generator = try request.seeds.generator.map { try GeneratorName(named: $0) } ?? choice.generator
        request.text.style = request.text.style ?? habits.style
        try Self.checkLikeness(request, canvas.kind)
        sampling = try SamplingPlan(
            request, choice, habits, canvas.kind, family: description.isXL ? .stableDiffusionXL : .stableDiffusion,
            scheduler)
        try sampling.checkRepainting(canvas.kind, habits, description.input)
        request.steps = sampling.askedSteps
        prompts = try PromptPlan(
            request, steps: sampling.steps, evaluations: habits.countsEvaluations ? choice.runs?.evaluations ?? 1 : nil)
        try Self.check(prompts, guidance, description)
        seeds = try SeedPlan(request, generator: generator, sharesNoise: habits.sharesNoise, description)
        let tiling = VAETiling()
        let factor = description.vae.factor
        let cuts =
            tiling.cuts(height: canvas.height / factor, width: canvas.width / factor)
            && (request.vaeTiling ?? lowMemory)
        vaeTiling = cuts ? tiling : nil

        seeds.record(in: &request)
        (request.width, request.height, request.guidanceScale) = (canvas.width, canvas.height, guidanceScale)
        (request.sampler, request.schedule) = (choice.sampler?.rawValue, choice.schedule?.rawValue)
        (request.sampling.eta, request.vaeTiling) = (sampling.eta, cuts)
        if let strength = sampling.strength { request.source.strength = strength }
        if hasRefiner { request.conditions.refinerStart = refinerStart }
        if description.input == .picture { request.guidance.imageScale = imageScale }
        self.request = request
    }

    /// What one picture of the run is by itself.
    func picture(_ index: Int) throws -> PicturePlan {
        let own = seeds.picture(index, of: request.count)
        var request = request
        request.count = 1
        own.record(in: &request)
        request.source.latents = try self.request.source.latents?.alone(index)
        return PicturePlan(request: request, seeds: own)
    }
}

/// One picture of a run.
struct PicturePlan {
    /// With which it is drawn again alone.
    let request: Request
    let seeds: SeedPlan
    /// Starting noise in the place of the seed's.
    var latents: Latents? { request.source.latents }
}

extension RunPlan {
    private static func check(
        _ prompts: PromptPlan, _ guidance: GuidancePlan, _ description: ModelDescription
    ) throws {
        guard prompts.isComposed else { return }
        if description.input == .picture {
            throw LimnError(
                "\(description.name) is told the prompt and the picture; it knows no AND and no weights of prompts",
                isUsage: true)
        }
        if guidance.perturbed != nil || guidance.selfAttentionScale != nil {
            throw LimnError(
                "guidance by attention looks at one prompt: leave out AND and its weights, or --pag-scale and --sag-scale",
                isUsage: true)
        }
    }

    /// Conditions that only some families know.
    private static func checkConditions(
        _ request: Request, _ description: ModelDescription, hasRefiner: Bool
    ) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        let sizes = [request.conditions.originalSize, request.conditions.targetSize].compactMap(\.self)
        if !sizes.isEmpty || request.conditions.crop != nil, !description.isXL {
            throw usage(
                "\(description.name) is no Stable Diffusion XL model: it knows no original size, crop and target size")
        }
        for size in sizes
        where !(1...Canvas.largestSide).contains(size.width) || !(1...Canvas.largestSide).contains(size.height) {
            throw usage("an original or target size is 1 to \(Canvas.largestSide) pixels on each side")
        }
        if let crop = request.conditions.crop,
            !(0...Canvas.largestSide).contains(crop.top) || !(0...Canvas.largestSide).contains(crop.left)
        {
            throw usage("a crop is 0 to \(Canvas.largestSide) pixels from the top and from the left")
        }
        // A refiner is told them too.
        let scores = [request.conditions.aestheticScore, request.conditions.negativeAestheticScore].compactMap(\.self)
        if !scores.isEmpty, description.sizeConditionCount != 5, !hasRefiner {
            throw usage("\(description.name) is no refiner of Stable Diffusion XL: it knows no aesthetic score")
        }
    }
}
