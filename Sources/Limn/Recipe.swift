import FoundationEssentials
import Images
import Platform
import Sampling

/// How a picture was made, as its file tells: enough to draw it again.
///
///     let recipe = try Recipe(contentsOf: "apple.png")
///     let again = try await model.generate(try recipe.request())
public struct Recipe: Sendable {
    /// The name of the model's folder; nil if the file does not say.
    public let modelName: String?
    /// The model's `fingerprint`; nil if the file comes from another program.
    public let modelFingerprint: String?
    /// The name of the VAE that took the place of the model's own; nil if none did, or if another program drew it.
    public var vaeName: String? { isExact ? stored.vae : nil }
    /// The name of the tiny autoencoder that decoded it in the VAE's place; nil if none did.
    public var taesdName: String? { isExact ? stored.taesd : nil }
    /// The fingerprint of the refiner that finished it; nil if none did.
    public var refinerFingerprint: String? { stored.refiner }
    /// The files of learnt words that its prompts could hold.
    public var embeddings: [String] { stored.embeddings ?? [] }
    /// The arithmetic that it was drawn with; nil if the file does not say.
    public var precision: Precision? { stored.precision.flatMap(Precision.init(rawValue:)) }
    /// Whether the file holds Limn's exact form, so that the picture comes out the same to the bit.
    public let isExact: Bool
    /// The webui's text, for people; of records in other forms, what is read of them.
    public let parameters: String?
    /// What the file says that is not followed, in sentences.
    public let notes: [String]
    /// The program that drew it, as people call it.
    public let program: String
    /// The embeddings that another program's picture was drawn with, by their names.
    public let embeddingNames: [String]
    /// The program that drew it, as far as the file tells.
    public var likeness: Likeness { stored.likeness ?? .diffusers }
    private let stored: StoredRequest
    var storedLoRAs: [StoredLoRA] { stored.loras ?? [] }

    /// Reads a PNG file's text chunks: Limn's own, else ComfyUI's `prompt`, else the `parameters` of the webui and
    /// stable-diffusion.cpp, else what other programs write.
    ///
    /// - Throws: `LimnError` if the file is not a PNG or does not say how it was made
    public init(contentsOf path: String) throws {
        let texts = try withLimnErrors { try PNG.readText(path) }
        if let exact = texts.first(where: { $0.keyword == PictureParameters.exactKeyword })?.text {
            do {
                stored = try JSON(parsing: Array(exact.utf8)).decode(StoredRequest.self)
            } catch {
                throw LimnError("\(path): its record of how it was made is damaged, so it cannot be drawn again")
            }
            (isExact, notes, embeddingNames, program) = (true, [], [], "limn")
            parameters = texts.first { $0.keyword == PictureParameters.keyword }?.text
        } else {
            let found = try ForeignRecord(texts, path: path)
            (stored, notes, program) = (found.stored, found.notes, found.program)
            (isExact, embeddingNames) = (false, found.embeddingNames)
            parameters = found.text ?? found.stored.parameters.text
        }
        modelName = stored.model
        modelFingerprint = stored.fingerprint
    }

    /// Whether a picture to start from is needed.
    public var needsInitImage: Bool { stored.initImage != nil }
    public var needsMask: Bool { stored.mask != nil }
    public var needsLatents: Bool { stored.latents != nil }

    /// The request, with the pictures and latents that the file cannot hold.
    ///
    /// - Throws: `LimnError` if one is missing or not the one that was used
    public func request(initImage: Picture? = nil, mask: Picture? = nil, latents: Latents? = nil) throws -> Request {
        func check(_ digest: String?, _ given: String?, _ what: String, _ flag: String) throws {
            guard let digest, isExact else { return }
            guard let given else {
                throw LimnError("to draw this again, \(what) is needed: give it with \(flag)", isUsage: true)
            }
            guard digest == given else {
                throw LimnError("\(flag) is not \(what); give the same again, or draw without --from", isUsage: true)
            }
        }
        try check(stored.initImage, initImage.map(StoredRequest.digest), "the picture it was made from", "-i")
        try check(stored.mask, mask.map(StoredRequest.digest), "the mask it was made with", "--mask")
        // A file of latents may hold those of a whole batch: this picture's own are looked for.
        let latents = try latents.map { given in
            try given.pictures().first { StoredRequest.digest($0) == stored.latents } ?? given
        }
        try check(stored.latents, latents.map(StoredRequest.digest), "the starting noise it was made from", "--latents")
        var request = stored.request
        // An exact form that does not speak of tiles was drawn without, which is not to be left open then.
        if isExact { request.vaeTiling = request.vaeTiling ?? false }
        (request.initImage, request.mask, request.latents) = (initImage, mask, latents)
        if !isExact, request.likeness == .comfyui, request.width == nil, let initImage {
            // ComfyUI takes a picture's own size, cut to whole latents.
            (request.width, request.height) = (max(initImage.width / 8 * 8, 8), max(initImage.height / 8 * 8, 8))
        }
        return request
    }
}

/// A request as it is written into a picture. Pictures and latents are represented by digests.
struct StoredRequest: Codable, Equatable {
    var version: String?
    var model: String?
    var fingerprint: String?
    var vae: String?
    var taesd: String?
    var precision: String?
    var prompt: String
    var negativePrompt: String
    var morph: Morph?
    /// nil: diffusers.
    var likeness: Likeness?
    /// nil: nothing.
    var webUI: WebUIOptions?
    var place: BatchPlace?
    /// How many pictures another program drew at once; nil: 1.
    var count: Int?
    /// nil: plain.
    var promptStyle: PromptStyle?
    var emphasis: Emphasis?
    var promptTemplate: String?
    var negativePromptTemplate: String?
    var width: Int?
    var height: Int?
    var steps: Int
    var guidanceScale: Float?
    var guidanceRescale: Float
    var imageGuidanceScale: Float?
    var originalSize: PixelSize?
    var crop: PictureCrop?
    var targetSize: PixelSize?
    /// The refiner's fingerprint.
    var refiner: String?
    var refinerStart: Double?
    var aestheticScore: Float?
    var negativeAestheticScore: Float?
    /// nil: 1.
    var guidanceEnd: Double?
    /// nil: nothing but the scale.
    var guidance: GuidanceOptions?
    /// nil: 1.
    var cacheInterval: Int?
    var seed: UInt64?
    var variation: Variation?
    /// nil: the picture's own.
    var seedSize: PixelSize?
    /// nil: the likeness's.
    var generator: String?
    var sampler: String?
    var schedule: String?
    var eta: Float?
    /// nil: nothing.
    var tuning: SamplerTuning?
    /// nil: nothing is asked.
    var solver: Request.Solver?
    /// nil: the usual one.
    var clipSkip: Int?
    /// nil: what the model says.
    var prediction: Prediction?
    var strength: Double?
    var maskBlur: Double
    /// nil: false.
    var vaeTiling: Bool?
    var initImage: String?
    var mask: String?
    var latents: String?
    /// nil: none.
    var loras: [StoredLoRA]?
    /// Files of learnt words; nil: none.
    var embeddings: [String]?

    init(
        _ request: Request, model: String, fingerprint: String, precision: Precision?, loras: [StoredLoRA] = []
    ) {
        self.loras = loras.isEmpty ? nil : loras
        (version, self.model, self.fingerprint) = (limnVersion, model, fingerprint)
        self.precision = precision?.rawValue
        (prompt, negativePrompt) = (request.prompt, request.negativePrompt)
        likeness = request.likeness == .diffusers ? nil : request.likeness
        webUI = request.webUI == WebUIOptions() ? nil : request.webUI
        place = request.place
        promptStyle = request.promptStyle == .plain && likeness == nil ? nil : request.promptStyle
        emphasis = request.emphasis
        (promptTemplate, negativePromptTemplate) = (request.promptTemplate, request.negativePromptTemplate)
        (width, height, steps) = (request.width, request.height, request.steps)
        (guidanceScale, guidanceRescale) = (request.guidanceScale, request.guidanceRescale)
        imageGuidanceScale = request.imageGuidanceScale
        (originalSize, crop, targetSize) = (request.originalSize, request.crop, request.targetSize)
        refinerStart = request.refinerStart
        (aestheticScore, negativeAestheticScore) = (request.aestheticScore, request.negativeAestheticScore)
        guidanceEnd = request.guidanceEnd == 1 ? nil : request.guidanceEnd
        guidance = request.guidance == GuidanceOptions() ? nil : request.guidance
        cacheInterval = request.cacheInterval == 1 ? nil : request.cacheInterval
        (seed, generator) = (request.seed, request.generator)
        (variation, seedSize, morph) = (request.variation, request.seedSize, request.morph)
        (sampler, schedule, eta, clipSkip) = (request.sampler, request.schedule, request.eta, request.clipSkip)
        solver = request.solver == Request.Solver() ? nil : request.solver
        (strength, maskBlur) = (request.strength, request.maskBlur)
        tuning = request.tuning == SamplerTuning() ? nil : request.tuning
        vaeTiling = request.vaeTiling == true ? true : nil
        prediction = request.prediction
        initImage = request.initImage.map(Self.digest)
        mask = request.mask.map(Self.digest)
        latents = request.latents.map(Self.digest)
    }

    var request: Request {
        var request = Request(prompt: prompt)
        request.negativePrompt = negativePrompt
        (request.likeness, request.webUI) = (likeness ?? .diffusers, webUI ?? WebUIOptions())
        (request.place, request.count) = (place, count ?? 1)
        (request.promptStyle, request.emphasis) = (promptStyle, emphasis)
        (request.promptTemplate, request.negativePromptTemplate) = (promptTemplate, negativePromptTemplate)
        (request.width, request.height, request.steps) = (width, height, steps)
        (request.guidanceScale, request.guidanceRescale) = (guidanceScale, guidanceRescale)
        request.imageGuidanceScale = imageGuidanceScale
        (request.originalSize, request.crop, request.targetSize) = (originalSize, crop, targetSize)
        request.refinerStart = refinerStart
        (request.aestheticScore, request.negativeAestheticScore) = (aestheticScore, negativeAestheticScore)
        (request.guidanceEnd, request.cacheInterval) = (guidanceEnd ?? 1, cacheInterval ?? 1)
        request.guidance = guidance ?? GuidanceOptions()
        (request.seed, request.generator) = (seed, generator)
        (request.variation, request.seedSize, request.morph) = (variation, seedSize, morph)
        (request.sampler, request.schedule, request.eta) = (sampler, schedule, eta)
        request.solver = solver ?? Request.Solver()
        (request.clipSkip, request.strength, request.maskBlur) = (clipSkip, strength, maskBlur)
        request.tuning = tuning ?? SamplerTuning()
        request.vaeTiling = vaeTiling
        request.prediction = prediction
        return request
    }

    /// FNV-1a over size and pixels.
    static func digest(_ picture: Picture) -> String {
        var hash = FNV1a()
        for side in [picture.width, picture.height, picture.channels] { hash.add(UInt64(side)) }
        for pixel in picture.pixels { hash.add(byte: pixel) }
        return hash.text
    }

    static func digest(_ latents: Latents) -> String {
        var hash = FNV1a()
        for value in latents.values { hash.add(UInt64(value.bitPattern)) }
        return hash.text
    }
}

/// Fowler, Noll and Vo's hash, 64 bits: tells things apart; no protection against malice.
struct FNV1a {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }

    mutating func add(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(byte: UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }

    /// Sixteen hexadecimal digits.
    var text: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
