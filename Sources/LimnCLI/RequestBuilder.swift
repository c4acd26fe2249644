import Limn

/// Turns flags into a request: what a picture's file says, if there is one, and over it the flags that are given.
struct RequestBuilder {
    let flags: GenerateCommand
    let recipe: Recipe?

    /// - Throws: `LimnError` for pictures, latents or text that cannot be read or do not go together
    func request() throws -> Request {
        let initImage = try flags.start.initImage.map(Arguments.picture)
        let mask = try flags.start.mask.map(Arguments.picture)
        let latents = try flags.start.latents.map { try Latents(contentsOf: $0) }
        let prompt = try (flags.words.promptOption ?? flags.words.prompt).map(Arguments.prompt)
        var request: Request
        if let recipe {
            request = try recipe.request(initImage: initImage, mask: mask, latents: latents)
        } else {
            request = Request(prompt: "")
            (request.initImage, request.mask, request.latents) = (initImage, mask, latents)
        }
        if let prompt { (request.prompt, request.promptTemplate) = (prompt, nil) }
        if flags.words.negativePrompt != nil { request.negativePromptTemplate = nil }
        flags.likeness.apply(to: &request)
        apply(to: &request)
        try flags.tuning.apply(to: &request, beside: flags.sampling)
        try flags.seeds.apply(to: &request)
        try flags.guidance.apply(to: &request.guidance)
        return request
    }

    private func apply(to request: inout Request) {
        func set<Value>(_ path: WritableKeyPath<Request, Value>, _ value: Value?) {
            if let value { request[keyPath: path] = value }
        }
        func set<Value>(_ path: WritableKeyPath<Request, Value?>, _ value: Value?) {
            if let value { request[keyPath: path] = value }
        }
        set(\.negativePrompt, flags.words.negativePrompt)
        set(\.promptStyle, flags.prompts.style)
        set(\.emphasis, flags.prompts.emphasis)
        set(\.maskBlur, flags.start.maskBlur)
        set(\.strength, flags.start.strength)
        set(\.width, flags.sampling.width)
        set(\.height, flags.sampling.height)
        set(\.steps, flags.sampling.steps)
        set(\.guidanceScale, flags.sampling.cfgScale)
        set(\.guidanceRescale, flags.sampling.guidanceRescale)
        set(\.guidanceEnd, flags.sampling.guidanceEnd)
        set(\.cacheInterval, flags.sampling.cacheInterval)
        set(\.imageGuidanceScale, flags.conditions.imageCfgScale)
        set(\.originalSize, flags.conditions.originalSize)
        set(\.crop, flags.conditions.crop)
        set(\.targetSize, flags.conditions.targetSize)
        set(\.refinerStart, flags.conditions.refinerStart)
        set(\.aestheticScore, flags.conditions.aestheticScore)
        set(\.negativeAestheticScore, flags.conditions.negativeAestheticScore)
        set(\.generator, flags.sampling.rng)
        set(\.clipSkip, flags.sampling.clipSkip)
        set(\.vaeTiling, flags.sampling.vaeTiling)
        set(\.prediction, flags.sampling.prediction)
        set(\.count, flags.output.batchCount)
        // Several are a batch of their own.
        if flags.output.batchCount != nil { request.place = nil }
        if let sampler = flags.sampling.sampler {
            request.sampler = sampler
            // A recipe's schedule belongs to its sampler, and so do its solver's settings; another may not take them.
            (request.schedule, request.eta) = (nil, nil)
            request.solver = Request.Solver()
        }
        set(\.eta, flags.sampling.eta)
        flags.solver.apply(to: &request)
        set(\.schedule, flags.sampling.schedule)
        if let seed = flags.sampling.seed { request.seed = seed.number }
    }
}
