import Images
import Models
import Sampling

/// A request checked against a model, with everything left open filled in.
struct PreparedRequest {
    enum Kind {
        case text, picture, inpainting
        /// A picture that the model sees beside the latents, and changes as the prompt says.
        case editing
    }

    let request: Request
    /// Of the program that it is to be like.
    let habits: Habits
    let kind: Kind
    let width: Int
    let height: Int
    let guidanceScale: Float
    /// For models that see a picture beside the latents.
    let imageGuidanceScale: Float
    let guidance: GuidancePlan
    /// Steps of lower timesteps are the refiner's.
    let refinedBelow: Float
    let sampler: any Sampler
    /// Whether the sampler looks at what the network says without the prompt.
    let readsUnconditional: Bool
    let firstStep: Int
    /// Whether the steps are laid out as another program than diffusers does.
    let laysOut: Bool
    /// The standard deviation of the noise that a run begins with.
    let noiseScale: Float
    let generator: GeneratorName
    /// The σ that the noise of samplers of an SDE is a path from; nil: where the run begins.
    let pathStart: Float?
    /// Of the layers of text encoders, counted from that which the model listens to as 1.
    let clipSkip: Int
    /// What is not as it would be in the other program.
    let warnings: [String]
    /// What the network predicts.
    let parameterization: Parameterization
    /// What it is told, and when.
    let prompts: PromptPlan
    /// The picture to start from, at the size of the result.
    let initImage: Image?
    let mask: Mask?
    /// How the VAE cuts the picture; nil if it takes it whole.
    let vaeTiling: VAETiling?

    /// How many steps are run: those of the sampler's list, which may be longer than what was asked for.
    var steps: Int { sampler.levels.count - firstStep }

    /// Largest side, far above what fits into memory with any model there is.
    private static let largestSide = 16384

    /// - Parameters:
    ///   - hasRefiner: whether a refiner does the last steps
    ///   - lowMemory: whether the model was loaded so, which decides about tiles where the request does not
    init(
        _ asked: Request, description: ModelDescription, scheduler: SchedulerConfig, hasRefiner: Bool = false,
        lowMemory: Bool = false
    ) throws {
        var request = asked
        let habits = request.likeness.habits
        self.habits = habits
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        let edits = description.input == .picture
        kind =
            request.source.picture == nil
            ? .text : request.source.mask != nil ? .inpainting : edits ? .editing : .picture
        if request.source.mask != nil, request.source.picture == nil {
            throw usage("a mask needs the picture that it belongs to: give it with -i")
        }
        if request.source.strength != nil, request.source.picture == nil {
            throw usage("a strength needs a picture to start from: give it with -i")
        }
        try Self.checkKind(kind, request, description)
        let most = habits.sharesNoise ? 4096 : 10_000
        guard (1...most).contains(request.count) else {
            throw usage("\(request.count) pictures are not possible; ask for 1 to \(most)")
        }
        try RequestField.checkRanges(of: request)
        try Self.checkConditions(request, description, hasRefiner: hasRefiner)
        guidanceScale =
            request.guidanceScale ?? description.guidanceScale ?? habits.guidanceScale ?? description.usualGuidance
        imageGuidanceScale = request.guidance.imageScale ?? 1.5
        let chosen = try SamplerChoice(request, habits, scheduler)
        readsUnconditional = chosen.runs?.readsUnconditional == true
        guidance = try GuidancePlan(
            request, scale: guidanceScale, pictureScale: imageGuidanceScale, description: description,
            hasRefiner: hasRefiner, isAlwaysGuided: readsUnconditional)
        clipSkip = try description.clipSkip(request.text.clipSkip, habits.clipSkip)
        let refinerStart = request.conditions.refinerStart ?? 0.8
        guard hasRefiner || request.conditions.refinerStart == nil else {
            throw usage("there is no refiner that could start: give one with --refiner")
        }
        // As diffusers cuts: at a timestep, so that it is the noise that decides, not the number of steps.
        let train = Double(scheduler.numTrainTimesteps)
        refinedBelow = hasRefiner ? Float((train - refinerStart * train).rounded(.toNearestOrEven)) : -.infinity
        (width, height) = try Self.size(request, description)
        generator = try request.seeds.generator.map { try GeneratorName(named: $0) } ?? chosen.generator
        request.seeds.generator = generator.rawValue
        request.text.style = request.text.style ?? habits.style
        var scheduler = scheduler
        if let prediction = request.sampling.prediction { scheduler.predictionType = prediction.type }
        scheduler = try request.sampling.tuning.applied(to: scheduler)
        parameterization = Parameterization(scheduler)
        var settings = SamplerSettings(
            steps: request.steps, schedule: chosen.schedule, sigmas: request.sampling.tuning.sigmas,
            eta: request.sampling.eta ?? chosen.eta,
            family: description.isXL ? .stableDiffusionXL : .stableDiffusion, config: scheduler)
        try request.sampling.tuning.apply(to: &settings)
        settings.solver = request.sampling.solver.settings
        let askedSteps = settings.steps
        try Self.checkLikeness(request, kind)
        let strength = request.source.strength ?? habits.usualStrength ?? (kind == .inpainting ? 1 : 0.75)
        let startsFromPicture = kind == .picture || kind == .inpainting
        var part = RunConventions.Part.all
        if startsFromPicture, settings.steps > 0 {
            (settings.steps, part) = try habits.strength.part(strength: strength, steps: settings.steps)
        }
        settings = chosen.laidOut(settings, part, request, startsFromPicture: startsFromPicture)
        sampler = try makeSampler(chosen.runs, settings)
        // Some schedules have fewer levels than steps were asked for.
        firstStep = min(settings.firstStep, sampler.levels.count - 1)
        if let conventions = settings.conventions, let first = sampler.levels.first, !(sampler is TimestepsOfTheWebUI) {
            noiseScale = conventions.noiseScale(at: first, settings.config)
        } else {
            noiseScale = sampler.initialNoiseScale
        }
        laysOut = settings.conventions != nil
        pathStart =
            try habits.followsWholePath && chosen.runs?.takesSchedule == true ? settings.highestOfAll() : nil
        warnings =
            chosen.warnings
            + Self.warnings(ofTheFirstOf: sampler.levels.dropFirst(max(firstStep, 0)), chosen.runs)
        try Self.checkRepainting(kind, chosen.runs, habits, description)

        request.steps = askedSteps
        prompts = try PromptPlan(
            request, steps: sampler.levels.count - firstStep,
            evaluations: habits.countsEvaluations ? chosen.runs?.evaluations ?? 1 : nil)
        if edits, prompts.isComposed {
            throw usage(
                "\(description.name) is told the prompt and the picture; it knows no AND and no weights of prompts")
        }
        if prompts.isComposed, guidance.perturbed != nil || guidance.selfAttentionScale != nil {
            throw usage(
                "guidance by attention looks at one prompt: leave out AND and its weights, or --pag-scale and --sag-scale"
            )
        }

        initImage = try request.source.picture.map { [width, height] in
            try $0.image.composited().fitted(width: width, height: height)
        }
        mask = try Self.mask(request, width: width, height: height)
        try Self.check(request.source.latents, request: request, description: description, width: width, height: height)
        if request.source.latents != nil, startsFromPicture {
            throw usage("--latents is the starting noise of a picture from text; leave out -i, or the latents")
        }

        try Self.checkSeeds(request, description)
        request.seed = request.seed ?? UInt64.random(in: 0..<1 << 32)
        if let variation = request.seeds.variation {
            let seed = variation.seed ?? UInt64.random(in: 0..<1 << 32)
            request.seeds.variation =
                variation.strength == 0 ? nil : Variation(seed: seed, strength: variation.strength)
        }
        (request.width, request.height, request.guidanceScale) = (width, height, guidanceScale)
        request.sampler = chosen.sampler?.rawValue
        request.schedule = chosen.schedule?.rawValue
        request.sampling.eta = settings.eta
        if startsFromPicture { request.source.strength = strength }
        if hasRefiner { request.conditions.refinerStart = refinerStart }
        if edits { request.guidance.imageScale = imageGuidanceScale }
        let tiling = VAETiling()
        let factor = description.vae.factor
        request.vaeTiling =
            tiling.cuts(height: height / factor, width: width / factor)
            && (request.vaeTiling ?? lowMemory)
        vaeTiling = request.vaeTiling == true ? tiling : nil
        self.request = request
    }

    /// What pictures a family of models needs, and what it has no use for.
    private static func checkKind(_ kind: Kind, _ request: Request, _ description: ModelDescription) throws {
        func usage(_ text: String) -> LimnError { LimnError("\(description.name) \(text)", isUsage: true) }
        switch description.input {
        case .latents: break
        case .maskedPicture:
            guard kind == .inpainting else {
                throw usage("is an inpainting model: give it a picture with -i and a mask with --mask")
            }
        case .picture:
            guard kind == .editing else {
                throw usage("changes pictures as the prompt says: give it one with -i, and no mask")
            }
            guard request.source.strength == nil else {
                throw usage("always starts from noise: leave out the strength, and set --image-cfg-scale instead")
            }
        }
        if request.guidance.imageScale != nil, description.input != .picture {
            throw usage("does not see a picture beside the latents, so it has no image guidance scale")
        }
    }

    /// Between steps, an ordinary model's kept pixels are put back at the noise that the next step begins with.
    private static func checkRepainting(
        _ kind: Kind, _ sampler: SamplerName?, _ habits: Habits, _ description: ModelDescription
    ) throws {
        guard kind == .inpainting, habits.repainting == .afterSteps, description.input != .maskedPicture, let sampler,
            !sampler.keepsToLevels
        else { return }
        throw LimnError(
            "the sampler \(sampler) chooses its steps on the way, so a part of a picture cannot be kept with this model:"
                + " choose another sampler, or an inpainting model", isUsage: true)
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
        for size in sizes where !(1...largestSide).contains(size.width) || !(1...largestSide).contains(size.height) {
            throw usage("an original or target size is 1 to \(largestSide) pixels on each side")
        }
        if let crop = request.conditions.crop,
            !(0...largestSide).contains(crop.top) || !(0...largestSide).contains(crop.left)
        {
            throw usage("a crop is 0 to \(largestSide) pixels from the top and from the left")
        }
        // A refiner is told them too.
        let scores = [request.conditions.aestheticScore, request.conditions.negativeAestheticScore].compactMap(\.self)
        if !scores.isEmpty, description.sizeConditionCount != 5, !hasRefiner {
            throw usage("\(description.name) is no refiner of Stable Diffusion XL: it knows no aesthetic score")
        }
    }

    private static func checkSeeds(_ request: Request, _ description: ModelDescription) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        if let strength = request.seeds.variation?.strength, !(0...1).contains(strength) {
            throw usage("a variation's strength of \(strength) is out of range; give 0 to 1")
        }
        if let size = request.seeds.size {
            let multiple = description.vae.factor
            for side in [size.width, size.height]
            where !(multiple...largestSide).contains(side) || side % multiple != 0 {
                throw usage(
                    "a seed's size of \(size.width)×\(size.height) pixels is not possible with this model: both must be "
                        + "multiples of \(multiple), at most \(largestSide)")
            }
        }
        if let amount = request.text.morph?.amount, !(0...1).contains(amount) {
            throw usage("a morph's amount of \(amount) is out of range; give 0 to 1")
        }
        if request.source.latents != nil, request.seeds.variation != nil || request.seeds.size != nil {
            throw usage("starting noise is given, so a seed's variation or size has no use; leave one of them out")
        }
    }

    /// What one picture of the run is by itself.
    func alone(_ index: Int) throws -> Request {
        var own = request
        own.count = 1
        if let seed = own.seeds.variation?.seed {
            own.seeds.variation?.seed = seed &+ UInt64(index)
        } else if habits.sharesNoise {
            if request.count > 1 { own.seeds.place = BatchPlace(index: index, count: request.count) }
        } else {
            own.seed = (request.seed ?? 0) &+ UInt64(index)
        }
        own.source.latents = try request.source.latents?.alone(index)
        return own
    }

    /// Width and height: as asked, the model's own, or the shape of the picture to start from.
    private static func size(_ request: Request, _ description: ModelDescription) throws -> (Int, Int) {
        let multiple = description.vae.factor
        let own = description.unet.sampleSize * multiple
        var (width, height) = (request.width ?? own, request.height ?? own)
        if let picture = request.source.picture, request.width == nil, request.height == nil {
            // The picture's shape, its shorter side brought to the model's own size, the longer at most four times
            // that; both rounded to the multiple.
            let shorter = Double(min(picture.width, picture.height))
            func side(_ length: Int) -> Int {
                let scaled = min(Double(length) / shorter, 4) * Double(own)
                return max(multiple, Int((scaled / Double(multiple)).rounded()) * multiple)
            }
            (width, height) = (side(picture.width), side(picture.height))
        }
        for (name, value) in [("width", width), ("height", height)] {
            guard value >= multiple, value <= largestSide, value % multiple == 0 else {
                let nearest = (min(max(value, multiple), largestSide) + multiple / 2) / multiple * multiple
                throw LimnError(
                    "a \(name) of \(value) pixels is not possible with this model: it must be a multiple of "
                        + "\(multiple), such as \(nearest), and at most \(largestSide)", isUsage: true)
            }
        }
        return (width, height)
    }

    private static func mask(_ request: Request, width: Int, height: Int) throws -> Mask? {
        guard let picture = request.source.mask, let initImage = request.source.picture else { return nil }
        guard (picture.width, picture.height) == (initImage.width, initImage.height) else {
            throw LimnError(
                "the mask is \(picture.width)×\(picture.height) pixels, but the picture it belongs to is "
                    + "\(initImage.width)×\(initImage.height): they must be of one size", isUsage: true)
        }
        let mask = Mask(try picture.image.fitted(width: width, height: height))
        guard mask.repaintedShare > 0 else {
            throw LimnError(
                "the mask has no white, so nothing would be repainted: white is repainted, black is kept",
                isUsage: true)
        }
        return mask
    }

    private static func check(
        _ latents: Latents?, request: Request, description: ModelDescription, width: Int, height: Int
    ) throws {
        guard let latents else { return }
        let factor = description.vae.factor
        let wanted = [request.count, description.vae.latentChannels, height / factor, width / factor]
        let given = [latents.batch, latents.channels, latents.height, latents.width]
        guard wanted == given else {
            throw LimnError(
                "the latents are of shape \(given), but \(wanted) is needed: give -W, -H and -b to match", isUsage: true
            )
        }
    }
}
