import FoundationEssentials
import Images
import Sampling

extension Model {
    /// The text chunks of a picture: the webui's `parameters`, and Limn's exact form.
    func metadata(for request: Request) throws -> [(keyword: String, text: String)] {
        var stored = StoredRequest(
            request, model: name, fingerprint: fingerprint, precision: precision, loras: storedLoRAs)
        stored.vae = vaeName
        if let tiny, !tiny.isForPreviewsOnly { stored.taesd = tiny.name }
        stored.refiner = refinerFingerprint
        stored.embeddings = embeddings.isEmpty ? nil : embeddings
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let exact = String(decoding: try encoder.encode(stored), as: UTF8.self)
        return [
            (PictureParameters.keyword, stored.parameters.text),
            (PictureParameters.exactKeyword, exact),
        ]
    }
}

extension StoredRequest {
    /// As the webui writes it, in its order.
    var parameters: PictureParameters {
        var fields: [(key: String, value: String)] = [("Steps", "\(steps)")]
        func add(_ key: String, _ value: String?) {
            if let value { fields.append((key, value)) }
        }
        add("Sampler", sampler.flatMap(SamplerName.init(rawValue:))?.displayName ?? sampler)
        add("Schedule type", schedule.flatMap(ScheduleName.init(rawValue:))?.displayName ?? schedule)
        add("CFG scale", guidanceScale.map(Self.shown))
        add("Image CFG scale", imageGuidanceScale.map(Self.shown))
        add("CFG rescale", guidanceRescale == 0 ? nil : Self.shown(guidanceRescale))
        add("Guidance end", guidanceEnd.map { Self.shown(Float($0)) })
        fields += guidance?.parameters ?? []
        add("Cache interval", cacheInterval.map(String.init))
        add("Seed", seed.map(String.init))
        if let width, let height { add("Size", "\(width)x\(height)") }
        if let variation {
            add("Variation seed", variation.seed.map(String.init))
            add("Variation seed strength", Self.shown(Float(variation.strength)))
        }
        add("Morph to", morph?.prompt)
        add("Morph amount", morph.map { Self.shown(Float($0.amount)) })
        add("Seed resize from", seedSize.map { "\($0.width)x\($0.height)" })
        add("Model", model)
        add("VAE", vae)
        add("TAESD", taesd)
        add("Denoising strength", strength.map { Self.shown(Float($0)) })
        add("Mask blur", mask == nil ? nil : Self.shown(Float(maskBlur)))
        add("Eta", eta.map(Self.shown))
        addTuning(add)
        add("Solver order", solver?.order.map(String.init))
        add("Solver type", solver?.type)
        add("Gamma", solver?.gamma.map { Self.shown(Float($0)) })
        add("Tau", solver?.tau.map { Self.shown(Float($0)) })
        add("SNR", solver?.snr.map { Self.shown(Float($0)) })
        add("Corrector steps", solver?.correctorSteps.map(String.init))
        add("Clip skip", clipSkip.flatMap { $0 == 1 ? nil : "\($0)" })
        add("ENSD", webUI?.noiseSeedDelta.map(String.init))
        add("SGM noise multiplier", webUI?.usesSGMNoise == true ? "True" : nil)
        add("Discard penultimate sigma", webUI?.leavesOutPenultimate == true ? "True" : nil)
        add("Noise multiplier", webUI?.noiseMultiplier.map { "\($0)" })
        add("Masked content", webUI?.maskedContent?.rawValue)
        add("Like", likeness?.rawValue)
        add("Place in batch", place.map { "\($0.index + 1) of \($0.count)" })
        add("Emphasis", emphasis.map(\.webUIName))
        add("Prompt style", promptStyle?.rawValue)
        add("Template", promptTemplate)
        add("Negative Template", negativePromptTemplate)
        add("VAE tiling", vaeTiling == true ? "on" : nil)
        // The webui knows these by other names.
        let names = likeness == .webui ? ["cuda": "NV", "torch": "CPU"] : [:]
        add("RNG", generator.map { names[$0] ?? $0 })
        add("Version", version.map { "limn \($0)" })
        // The webui has LoRAs in the prompt.
        let prompt = ([prompt] + (loras ?? []).map(\.tag)).joined(separator: " ")
        return PictureParameters(prompt: prompt, negativePrompt: negativePrompt, fields: fields)
    }

    private func addTuning(_ add: (_ key: String, _ value: String?) -> Void) {
        guard let tuning else { return }
        add("Sigmas", tuning.sigmas?.map { "\($0)" }.joined(separator: " "))
        add("Betas", tuning.noiseSchedule)
        add("Noise Schedule", tuning.zeroSNR == true ? Self.zeroSNR : nil)
        add("Sigma churn", tuning.churn.map { "\($0)" })
        add("Sigma tmin", tuning.churnLowest.map { "\($0)" })
        add("Sigma tmax", tuning.churnHighest.map { "\($0)" })
        add("Sigma noise", tuning.noiseFactor.map { "\($0)" })
        add("Relative tolerance", tuning.relativeTolerance.map { "\($0)" })
        add("Absolute tolerance", tuning.absoluteTolerance.map { "\($0)" })
    }

    /// The webui's value of "Noise Schedule" for noise that ends with nothing else.
    private static let zeroSNR = "Zero Terminal SNR"

    /// What another program's picture says of settings that few samplers have.
    private static func tuning(_ parameters: PictureParameters) -> SamplerTuning? {
        var tuning = SamplerTuning()
        func number(_ key: String) -> Double? { parameters[key].flatMap { Double($0) } }
        tuning.sigmas = parameters["Sigmas"]?.split(separator: " ").compactMap { Double($0) }
        tuning.noiseSchedule = parameters["Betas"].flatMap { try? BetaSchedule(named: $0) }?.rawValue
        if parameters["Noise Schedule"] == zeroSNR { tuning.zeroSNR = true }
        (tuning.churn, tuning.noiseFactor) = (number("Sigma churn"), number("Sigma noise"))
        (tuning.churnLowest, tuning.churnHighest) = (number("Sigma tmin"), number("Sigma tmax"))
        tuning.relativeTolerance = number("Relative tolerance")
        tuning.absoluteTolerance = number("Absolute tolerance")
        return tuning == SamplerTuning() ? nil : tuning
    }

    /// A number without a needless ".0".
    private static func shown(_ value: Float) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }

    /// What another program's picture says of how it was made. Names that are not known are left out, so that the
    /// model's own settings hold.
    init(_ parameters: PictureParameters, path: String) throws {
        guard !parameters.prompt.isEmpty || !parameters.fields.isEmpty else {
            throw LimnError("\(path): its `parameters` text is empty")
        }
        self.init(Request(prompt: parameters.prompt), model: "", fingerprint: "", precision: nil)
        (version, fingerprint) = (nil, nil)
        model = parameters["Model"]
        negativePrompt = parameters.negativePrompt
        likeness = Self.likeness(of: parameters)
        // Other programs write no style: their prompts are all of their own.
        promptStyle = parameters["Prompt style"].flatMap(PromptStyle.init(rawValue:))
        emphasis = parameters["Emphasis"].flatMap { name in Emphasis.allCases.first { $0.webUIName == name } }
        if let value = parameters["Steps"].flatMap({ Int($0) }) { steps = value }
        if let (name, own) = parameters["Sampler"].flatMap({ try? SamplerName.parse($0) }) {
            sampler = name.rawValue
            schedule = own?.rawValue
        }
        if let name = parameters["Schedule type"].flatMap({ try? ScheduleName(named: $0) }) {
            schedule = name.rawValue
        }
        guidanceScale = parameters["CFG scale"].flatMap { Float($0) }
        imageGuidanceScale = parameters["Image CFG scale"].flatMap { Float($0) }
        guidanceRescale = parameters["CFG rescale"].flatMap { Float($0) } ?? 0
        guidanceEnd = parameters["Guidance end"].flatMap { Double($0) }
        let guidance = GuidanceOptions(parameters)
        if guidance != GuidanceOptions() { self.guidance = guidance }
        cacheInterval = parameters["Cache interval"].flatMap { Int($0) }
        seed = parameters["Seed"].flatMap { UInt64($0) }
        if let size = Self.size(parameters["Size"]) { (width, height) = (size.width, size.height) }
        if let strength = parameters["Variation seed strength"].flatMap({ Double($0) }), strength > 0 {
            variation = Variation(seed: parameters["Variation seed"].flatMap { UInt64($0) }, strength: strength)
        }
        seedSize = Self.size(parameters["Seed resize from"])
        strength = parameters["Denoising strength"].flatMap { Double($0) }
        maskBlur = parameters["Mask blur"].flatMap { Double($0) } ?? 4
        eta = parameters["Eta"].flatMap { Float($0) }
        tuning = Self.tuning(parameters)
        var solver = Request.Solver()
        solver.order = parameters["Solver order"].flatMap { Int($0) }
        solver.type = parameters["Solver type"]
        solver.gamma = parameters["Gamma"].flatMap { Double($0) }
        solver.tau = parameters["Tau"].flatMap { Double($0) }
        solver.snr = parameters["SNR"].flatMap { Double($0) }
        solver.correctorSteps = parameters["Corrector steps"].flatMap { Int($0) }
        self.solver = solver == Request.Solver() ? nil : solver
        clipSkip = parameters["Clip skip"].flatMap { Int($0) }
        vaeTiling = parameters["VAE tiling"] == "on" ? true : nil
        if let name = parameters["RNG"].flatMap({ try? GeneratorName(named: $0) }) { generator = name.rawValue }
        switch likeness {
        case .webui: readWebUI(parameters)
        case .sdcpp: readSDCPP(parameters)
        default: break
        }
    }

    /// "512x768"; nil if it is no size. The webui writes 0x0 or -1x-1 for none.
    private static func size(_ text: String?) -> PixelSize? {
        let sides = text?.split(separator: "x").compactMap { Int($0) } ?? []
        return sides.count == 2 && sides.allSatisfy { $0 > 0 } ? PixelSize(width: sides[0], height: sides[1]) : nil
    }
}
