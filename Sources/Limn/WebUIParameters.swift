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
    /// The webui's names of samplers and schedules.
    private static let samplerNames: [SamplerName: String] = [
        .ddim: "DDIM", .ddpm: "DDPM", .pndm: "PNDM", .plms: "PLMS", .euler: "Euler", .eulerAncestral: "Euler a",
        .heun: "Heun", .lms: "LMS", .dpmpp2m: "DPM++ 2M", .dpmpp2mSDE: "DPM++ 2M SDE", .unipc: "UniPC", .lcm: "LCM",
    ]

    /// As the webui writes it, in its order.
    var parameters: PictureParameters {
        var fields: [(key: String, value: String)] = [("Steps", "\(steps)")]
        func add(_ key: String, _ value: String?) {
            if let value { fields.append((key, value)) }
        }
        add("Sampler", sampler.flatMap(SamplerName.init(rawValue:)).flatMap { Self.samplerNames[$0] } ?? sampler)
        add("Schedule type", schedule.map { $0.prefix(1).uppercased() + $0.dropFirst() })
        add("CFG scale", guidanceScale.map(Self.shown))
        add("Image CFG scale", imageGuidanceScale.map(Self.shown))
        add("CFG rescale", guidanceRescale == 0 ? nil : Self.shown(guidanceRescale))
        add("Guidance end", guidanceEnd.map { Self.shown(Float($0)) })
        add("Cache interval", cacheInterval.map(String.init))
        add("Seed", seed.map(String.init))
        if let width, let height { add("Size", "\(width)x\(height)") }
        add("Model", model)
        add("VAE", vae)
        add("TAESD", taesd)
        add("Denoising strength", strength.map { Self.shown(Float($0)) })
        add("Mask blur", mask == nil ? nil : Self.shown(Float(maskBlur)))
        add("Eta", eta.map(Self.shown))
        add("Clip skip", clipSkip == 1 ? nil : "\(clipSkip)")
        add("VAE tiling", vaeTiling == true ? "on" : nil)
        add("RNG", generator)
        add("Version", version.map { "limn \($0)" })
        // The webui has LoRAs in the prompt.
        let prompt = ([prompt] + (loras ?? []).map(\.tag)).joined(separator: " ")
        return PictureParameters(prompt: prompt, negativePrompt: negativePrompt, fields: fields)
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
        cacheInterval = parameters["Cache interval"].flatMap { Int($0) }
        seed = parameters["Seed"].flatMap { UInt64($0) }
        let sides = parameters["Size"]?.split(separator: "x").compactMap { Int($0) } ?? []
        if sides.count == 2 { (width, height) = (sides[0], sides[1]) }
        strength = parameters["Denoising strength"].flatMap { Double($0) }
        maskBlur = parameters["Mask blur"].flatMap { Double($0) } ?? 4
        eta = parameters["Eta"].flatMap { Float($0) }
        clipSkip = parameters["Clip skip"].flatMap { Int($0) } ?? 1
        vaeTiling = parameters["VAE tiling"] == "on" ? true : nil
        if let name = parameters["RNG"].flatMap({ try? GeneratorName(named: $0) }) { generator = name.rawValue }
    }
}
