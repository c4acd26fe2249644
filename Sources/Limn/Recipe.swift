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
    /// The strength of a record that holds no picture to start from; nil if there is none.
    private var looseStrength: Double? { isExact || needsInitImage || !isText ? nil : stored.request.source.strength }
    /// Whether another program's text tells how it was drawn.
    private let isText: Bool

    /// The notes for drawing it again, with a picture to start from or without: a strength without a picture belongs to
    /// something that is not followed, or the picture was forgotten.
    public func notes(startsFromPicture: Bool) -> [String] {
        guard !startsFromPicture, let looseStrength else { return notes }
        return notes + [
            "the record tells of a denoising strength of \(looseStrength.fieldText), but there is no picture to start from, so "
                + "it is drawn from text; if it was made from a picture, give that with -i"
        ]
    }

    /// The program that drew it, as people call it.
    public let program: String
    /// The embeddings that another program's picture was drawn with, by their names.
    public let embeddingNames: [String]
    /// The program that drew it, as far as the file tells.
    public var likeness: Likeness { stored.request.likeness }
    private let stored: PictureRecord
    var storedLoRAs: [StoredLoRA] { stored.loras ?? [] }

    /// Reads a PNG file's text chunks: Limn's own, else ComfyUI's `prompt`, else the `parameters` of the webui and
    /// stable-diffusion.cpp, else what other programs write.
    ///
    /// - Throws: `LimnError` if the file is not a PNG or does not say how it was made
    public init(contentsOf path: String) throws {
        let texts = try withLimnErrors { try PNG.readText(path) }
        if let exact = texts.first(where: { $0.keyword == PictureParameters.exactKeyword })?.text {
            do {
                stored = try JSON(parsing: Array(exact.utf8)).decode(PictureRecord.self)
            } catch {
                throw LimnError("\(path): its record of how it was made is damaged, so it cannot be drawn again")
            }
            (isExact, isText, embeddingNames, program) = (true, false, [], "limn")
            notes = stored.newerNotes(path: path)
            parameters = texts.first { $0.keyword == PictureParameters.keyword }?.text
        } else {
            let found = try ForeignRecord(texts, path: path)
            (stored, notes, program) = (found.stored, found.notes, found.program)
            (isExact, isText, embeddingNames) = (false, found.text != nil, found.embeddingNames)
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
        try check(stored.initImage, initImage.map(PictureRecord.digest), "the picture it was made from", "-i")
        try check(stored.mask, mask.map(PictureRecord.digest), "the mask it was made with", "--mask")
        // A file of latents may hold those of a whole batch: this picture's own are looked for.
        let latents = try latents.map { given in
            try given.pictures().first { PictureRecord.digest($0) == stored.latents } ?? given
        }
        try check(stored.latents, latents.map(PictureRecord.digest), "the starting noise it was made from", "--latents")
        var request = stored.request
        // An exact form that does not speak of tiles was drawn without, which is not to be left open then.
        if isExact { request.vaeTiling = request.vaeTiling ?? false }
        (request.source.picture, request.source.mask, request.source.latents) = (initImage, mask, latents)
        if initImage == nil, looseStrength != nil { request.source.strength = nil }
        if !isExact, request.likeness == .comfyui, request.width == nil, let initImage {
            // ComfyUI takes a picture's own size, cut to whole latents.
            (request.width, request.height) = (max(initImage.width / 8 * 8, 8), max(initImage.height / 8 * 8, 8))
        }
        return request
    }
}
