import Glibc
import Limn

/// One run of `limn generate`: flags become a request, events become progress and files.
struct Generation {
    private let flags: GenerateCommand
    private let way: MorphWay?
    private let pictureOutput: PictureOutput
    private let latentNames: OutputNames?
    private let previews: PreviewFile?

    /// Checks what can be checked before anything large is read.
    ///
    /// - Parameter way: the frames to draw in the place of each picture
    init(_ flags: GenerateCommand, along way: MorphWay? = nil) throws {
        (self.flags, self.way) = (flags, way)
        guard flags.words.prompt == nil || flags.words.promptOption == nil else {
            throw LimnError("the prompt is given twice, by itself and with -p; give it once", isUsage: true)
        }
        let hasPrompt = flags.words.prompt != nil || flags.words.promptOption != nil
        guard hasPrompt || flags.words.from != nil || flags.prompts.file != nil else {
            throw LimnError(
                "say what to draw, such as: limn \"a red apple\"\nlimn --help tells more.", isUsage: true)
        }
        if hasPrompt, let file = flags.prompts.file {
            throw LimnError("\(file) has the prompts; leave out the prompt, or the file", isUsage: true)
        }
        try flags.prompts.check()
        if flags.start.mask != nil, flags.start.initImage == nil {
            throw LimnError("--mask needs the picture that it belongs to; give it with -i", isUsage: true)
        }
        if flags.words.taesdPreviewOnly, flags.words.taesd == nil || flags.output.preview == nil {
            throw LimnError("--taesd-preview-only needs --taesd and --preview", isUsage: true)
        }
        previews = try PreviewFile(flags.output)
        pictureOutput = try PictureOutput(
            flags.output, default: way == nil ? "output.png" : "frame-%03d.png",
            defaultStem: way == nil ? "output" : "frame-%03d")
        if flags.output.saveLatents == "-" {
            throw LimnError("latents go to a file; give its name with --save-latents", isUsage: true)
        }
        latentNames = try flags.output.saveLatents.map {
            try OutputNames($0, ending: ".safetensors", defaultStem: "latents")
        }
        try checkStandardInput()
    }

    /// Only one can be read from there.
    private func checkStandardInput() throws {
        let readers = [
            ("the prompt", flags.words.promptOption ?? flags.words.prompt), ("-i", flags.start.initImage),
            ("--mask", flags.start.mask),
        ].filter { $0.1 == "-" }.map(\.0)
        guard readers.count > 1 else { return }
        throw LimnError(
            "standard input can be read once, and \(readers.joined(separator: " and ")) want it; give the others "
                + "otherwise", isUsage: true)
    }

    /// No number of steps that anyone asks for.
    private static let openSteps = Int.min

    func run() async throws {
        let display = ProgressDisplay(isQuiet: flags.output.quiet)
        let recipe = try flags.words.from.map { try Recipe(contentsOf: $0) }
        var given = try RequestBuilder(flags: flags, recipe: recipe).request()
        // The model says how many, once it is loaded; a line of a file of prompts may say so before.
        let leavesStepsOpen = recipe == nil && flags.sampling.steps == nil
        if leavesStepsOpen { given.steps = Self.openSteps }
        var (requests, warnings) = try flags.prompts.requests(given)
        let (loras, unlike) = try flags.lora.chosen(&requests, recipe)
        warnings += unlike
        if let way { requests = try requests.flatMap(way.frames) }
        try pictureOutput.check(count: requests.reduce(0) { $0 + min(max($1.count, 1), 10_000) })
        let path = try modelPath(recipe)
        display.loading(path)
        let clock = ContinuousClock()
        let start = clock.now
        var options = flags.machine.loadOptions
        options.lowMemory = flags.words.lowMemory
        options.refiner = flags.conditions.refiner
        if let from = flags.words.from, recipe?.refinerFingerprint != nil, options.refiner == nil {
            throw LimnError("\(from) was finished by a refiner; give it with --refiner", isUsage: true)
        }
        let (embeddings, without) = try flags.embeddings.chosen(
            requests, recipe, from: flags.words.from ?? "the picture")
        options.embeddings = embeddings
        warnings += without
        (options.loras, options.isLenientWithLoRAs) = (loras, flags.lora.isLenient)
        (options.tokenizer, options.prefersAverages) = (flags.words.checkpoint.tokenizer, flags.words.checkpoint.ema)
        options.isLenient = flags.words.checkpoint.lenient
        (options.vae, options.taesd) = (flags.words.vae, flags.words.taesd)
        options.taesdForPreviewsOnly = flags.words.taesdPreviewOnly
        try checkAutoencoders(recipe)
        // A picture is drawn again with the arithmetic that it was drawn with.
        if flags.machine.precision == nil, let own = recipe?.precision { options.precision = own }
        let model = try await Model.load(from: path, options: options, progress: display.loadingWeights)
        let loadSeconds = seconds(clock.now - start)
        if leavesStepsOpen {
            for index in requests.indices where requests[index].steps == Self.openSteps {
                requests[index].steps = model.usualSteps(for: requests[index])
            }
        }
        display.loaded(seconds: loadSeconds)
        for text in warnings + (recipe?.notes ?? []) + model.warnings { display.warning(text) }
        let words = await model.embeddingNotes(for: requests)
        for text in words.warnings { display.warning(text) }
        for text in words.notes { display.note(text) }
        for word in model.wordsOfLoRAs {
            display.note("a LoRA brings an embedding: prompts use it by the word \"\(word)\"")
        }
        if let expected = recipe?.modelFingerprint, expected != model.fingerprint {
            display.warning(
                "\(model.name) is not the model that drew \(flags.words.from ?? "the picture") (its fingerprint is "
                    + "\(model.fingerprint), not \(expected)), so the result will differ")
        }

        if let own = recipe?.refinerFingerprint, own != model.refinerFingerprint {
            display.warning(
                "this is not the refiner that finished \(flags.words.from ?? "the picture"), so the result will differ")
        }

        if requests.count > 1 {
            // An error in the last of them is better told before the first is drawn.
            for request in requests { try await model.check(request) }
            display.note("\(requests.count) prompts to draw")
        }
        var latents: [Latents] = []
        let pictures = requests.reduce(0) { $0 + $1.count }
        for request in requests {
            let before = latents.count
            for try await event in model.events(for: request, previewEvery: previews?.every) {
                switch event {
                case .progress(var progress):
                    (progress.picture, progress.pictures) = (progress.picture + before, pictures)
                    display.show(progress)
                    if let preview = progress.preview { previews?.write(preview, display) }
                case .warning(let text): display.warning(text)
                case .picture(let picture):
                    let load = latents.isEmpty ? loadSeconds : 0
                    try finish(picture, index: latents.count + 1, loadSeconds: load, display)
                    if let own = picture.latents { latents.append(own) }
                }
            }
        }
        try saveLatents(latents, display)
    }

    private func finish(_ picture: Picture, index: Int, loadSeconds: Double, _ display: ProgressDisplay) throws {
        let seed = picture.request?.seed ?? 0
        let path = try pictureOutput.write(picture, index: index, seed: seed)
        let report = PictureReport(
            picture, file: path ?? "standard output", seed: seed, loadSeconds: loadSeconds)
        display.finished(report, showsFile: flags.output.json || !Console.outputIsTerminal)
        if let path { try Console.output(flags.output.json ? try JSONLine.text(report) : path) }
    }

    private func saveLatents(_ latents: [Latents], _ display: ProgressDisplay) throws {
        guard let latentNames, !latents.isEmpty else { return }
        let path = try Interruption.whileWriting {
            try latentNames.place(index: 1, seed: 0) { path in
                try NewFile.reserve(path)
                do {
                    try Latents(joining: latents).write(to: path)
                } catch {
                    NewFile.remove(path)
                    throw error
                }
            }
        }
        display.note("latents: \(path)")
    }

    /// What decoded a picture that is to be drawn again must be given again.
    private func checkAutoencoders(_ recipe: Recipe?) throws {
        for (name, given, flag) in [
            (recipe?.vaeName, flags.words.vae, "--vae"),
            (recipe?.taesdName, flags.words.taesdPreviewOnly ? nil : flags.words.taesd, "--taesd"),
        ] {
            guard let name, given == nil else { continue }
            throw LimnError(
                "\(flags.words.from ?? "the picture") was drawn with \(flag) \(name); give it again", isUsage: true)
        }
    }

    /// The model that is asked for; for `--from` the default one only if it drew the picture.
    private func modelPath(_ recipe: Recipe?) throws -> String {
        if let given = flags.words.model {
            guard !given.isEmpty else { throw LimnError("the model's name is empty; give a folder's", isUsage: true) }
            return given
        }
        let path = try DefaultModel.locate()
        if let from = flags.words.from, let name = recipe?.modelName, !name.isEmpty {
            let own = path.split(separator: "/").last.map(String.init) ?? path
            guard name == own else {
                throw LimnError("\(from) was drawn by the model \(name); give its folder with -m", isUsage: true)
            }
        }
        return path
    }
}

/// Seconds of a duration.
func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
