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
    private static func tuning(_ fields: inout FieldReader) -> SamplerTuning? {
        var tuning = SamplerTuning()
        tuning.sigmas = fields.text("Sigmas")?.split(separator: " ").compactMap { Double($0) }
        tuning.noiseSchedule = fields.value("Betas") { try? BetaSchedule(named: $0) }?.rawValue
        tuning.zeroSNR = fields.value("Noise Schedule") { $0 == Self.zeroSNR ? true : $0 == "Default" ? false : nil }
        if tuning.zeroSNR == false { tuning.zeroSNR = nil }
        (tuning.churn, tuning.noiseFactor) = (fields.double("Sigma churn"), fields.double("Sigma noise"))
        (tuning.churnLowest, tuning.churnHighest) = (fields.double("Sigma tmin"), fields.double("Sigma tmax"))
        tuning.relativeTolerance = fields.double("Relative tolerance")
        tuning.absoluteTolerance = fields.double("Absolute tolerance")
        return tuning == SamplerTuning() ? nil : tuning
    }

    /// A number without a needless ".0".
    private static func shown(_ value: Float) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }

    /// What another program's picture says of how it was made. Names that are not known are left out, so that the
    /// profile's own settings hold, or the model's.
    ///
    /// - Returns: also what is not followed, in sentences
    static func read(_ parameters: PictureParameters, path: String) throws -> (StoredRequest, notes: [String]) {
        guard !parameters.prompt.isEmpty || !parameters.fields.isEmpty else {
            throw LimnError("\(path): its `parameters` text is empty")
        }
        var stored = StoredRequest(Request(prompt: parameters.prompt), model: "", fingerprint: "", precision: nil)
        var fields = FieldReader(parameters)
        let notes = stored.read(&fields, path: path)
        return (stored, notes)
    }

    private mutating func read(_ fields: inout FieldReader, path: String) -> [String] {
        var notes: [String] = []
        (version, fingerprint) = (nil, nil)
        model = fields.text("Model")
        negativePrompt = fields.parameters.negativePrompt
        likeness = Self.likeness(of: fields.parameters)
        // Other programs write no style: their prompts are all of their own.
        promptStyle = fields.value("Prompt style", PromptStyle.init(rawValue:))
        emphasis = fields.value("Emphasis") { name in Emphasis.allCases.first { $0.webUIName == name } }
        if let value = fields.integer("Steps") { steps = value }
        var solver = Request.Solver()
        if let name = fields.text("Sampler"), !name.isEmpty {
            if let found = OtherSampler(name) {
                (sampler, schedule) = (found.sampler.rawValue, found.schedule?.rawValue)
                solver.type = found.solverType
            } else if !(likeness == .sdcpp && name.hasPrefix("ddim_trailing")) {
                notes.append(Self.unknown("sampler", name, own: likeness?.habits.sampler, flag: "--sampler", path))
            }
        }
        if let name = fields.text("Schedule type"), !["", "Automatic"].contains(name) {
            if let known = try? ScheduleName(named: name) {
                schedule = known.rawValue
            } else {
                notes.append(Self.unknown("schedule", name, own: nil, flag: "--schedule", path))
            }
        }
        guidanceScale = fields.float("CFG scale")
        imageGuidanceScale = fields.float("Image CFG scale")
        guidanceRescale = fields.float("CFG rescale") ?? 0
        guidanceEnd = fields.double("Guidance end")
        let guidance = GuidanceOptions(fields.parameters)
        if guidance != GuidanceOptions() { self.guidance = guidance }
        if guidance.dynamicThresholding != nil { fields.pass(guidance.parameters.map(\.key)) }
        cacheInterval = fields.integer("Cache interval")
        seed = fields.value("Seed") { UInt64($0) }
        if let size = fields.value("Size", Self.size) { (width, height) = (size.width, size.height) }
        let variationSeed = fields.value("Variation seed") { UInt64($0) }
        if let strength = fields.double("Variation seed strength"), strength > 0 {
            variation = Variation(seed: variationSeed, strength: strength)
        }
        // -1x-1 is none.
        seedSize = fields.text("Seed resize from").flatMap(Self.size)
        strength = fields.double("Denoising strength")
        maskBlur = fields.double("Mask blur") ?? 4
        eta = fields.float("Eta")
        tuning = Self.tuning(&fields)
        solver.order = fields.integer("Solver order")
        solver.type = fields.text("Solver type") ?? solver.type
        solver.gamma = fields.double("Gamma")
        solver.tau = fields.double("Tau")
        solver.snr = fields.double("SNR")
        solver.correctorSteps = fields.integer("Corrector steps")
        self.solver = solver == Request.Solver() ? nil : solver
        clipSkip = fields.integer("Clip skip")
        vaeTiling = fields.text("VAE tiling") == "on" ? true : nil
        generator = fields.value("RNG") { try? GeneratorName(named: $0) }?.rawValue
        switch likeness {
        case .webui: notes += readWebUI(&fields, path: path)
        case .sdcpp: readSDCPP(&fields)
        default: break
        }
        return notes + Self.notes(&fields, path: path)
    }

    private static func unknown(_ kind: String, _ name: String, own: String?, flag: String, _ path: String) -> String {
        "\(path): the \(kind) \"\(ComfyUIWorkflow.short(name))\" is not known here, so "
            + "\(own ?? "the usual one") is used and the picture will be another; choose one with \(flag)"
    }

    /// "512x768"; nil if it is no size. The webui writes 0x0 or -1x-1 for none.
    static func size(_ text: String) -> PixelSize? {
        let sides = text.split(separator: "x").compactMap { Int($0) }
        return sides.count == 2 && sides.allSatisfy { $0 > 0 } ? PixelSize(width: sides[0], height: sides[1]) : nil
    }
}
