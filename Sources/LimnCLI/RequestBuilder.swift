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
            (request.source.picture, request.source.mask, request.source.latents) = (initImage, mask, latents)
        }
        if let prompt { (request.prompt, request.text.template) = (prompt, nil) }
        if flags.words.negativePrompt != nil { request.text.negativeTemplate = nil }
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
        set(\.text.style, flags.prompts.style)
        set(\.text.emphasis, flags.prompts.emphasis)
        set(\.source.maskBlur, flags.start.maskBlur)
        set(\.source.strength, flags.start.strength)
        set(\.width, flags.sampling.width)
        set(\.height, flags.sampling.height)
        set(\.steps, flags.sampling.steps)
        set(\.guidanceScale, flags.sampling.cfgScale)
        set(\.guidance.rescale, flags.sampling.guidanceRescale)
        set(\.guidance.end, flags.sampling.guidanceEnd)
        set(\.sampling.cacheInterval, flags.sampling.cacheInterval)
        set(\.guidance.imageScale, flags.conditions.imageCfgScale)
        set(\.conditions.originalSize, flags.conditions.originalSize)
        set(\.conditions.crop, flags.conditions.crop)
        set(\.conditions.targetSize, flags.conditions.targetSize)
        set(\.conditions.refinerStart, flags.conditions.refinerStart)
        set(\.conditions.aestheticScore, flags.conditions.aestheticScore)
        set(\.conditions.negativeAestheticScore, flags.conditions.negativeAestheticScore)
        set(\.seeds.generator, flags.sampling.rng)
        set(\.text.clipSkip, flags.sampling.clipSkip)
        set(\.vaeTiling, flags.sampling.vaeTiling)
        set(\.sampling.prediction, flags.sampling.prediction)
        set(\.count, flags.output.batchCount)
        // Several are a batch of their own.
        if flags.output.batchCount != nil { request.seeds.place = nil }
        if let sampler = flags.sampling.sampler {
            request.sampler = sampler
            // A recipe's schedule belongs to its sampler, and so do its solver's settings; another may not take them.
            (request.schedule, request.sampling.eta) = (nil, nil)
            request.sampling.solver = Request.Solver()
        }
        set(\.sampling.eta, flags.sampling.eta)
        flags.solver.apply(to: &request)
        set(\.schedule, flags.sampling.schedule)
        if let seed = flags.sampling.seed { request.seed = seed.number }
    }
}
