import Checkpoints
import Models
import Sampling

/// A model in the form of one file with the names of the original code. Such a file says nothing about itself but names
/// and shapes, so whatever they do not tell must be what everybody takes for granted, or the model is refused.
struct SingleFileForm {
    let tensors: any TensorSource
    /// The file's own notes, by the field's convention (Stability's ModelSpec).
    let fileNotes: [String: String]
    let remarks: [String]

    /// - Parameter name: the file's, for messages
    /// - Throws: `LimnError` or `CheckpointError` naming what has no place in such a file
    init(_ contents: ModelContents, name: String) throws {
        let description = contents.description
        var remarks = contents.remarks
        var notes = contents.original?.checkpoint.source.notes ?? [:]
        let prediction = description.scheduler.predictionType
        guard prediction != .sample else {
            throw LimnError("\(contents.path): a single file cannot say that a model predicts the clean picture")
        }
        notes["modelspec.prediction_type"] = prediction == .velocity ? "v" : "epsilon"

        let original = Self.family(contents).map(OriginalNames.init)
        guard let original else {
            throw LimnError(
                "\(contents.path): a single file in original form is Stable Diffusion 1, 2 or XL, with CLIP's text "
                    + "encoders; write a folder instead")
        }
        let parts = try contents.sources.map { try original.part($0.key, $0.value) as any TensorSource }
        tensors = try JoinedTensors(parts, path: name, notes: notes)
        fileNotes = notes
        if contents.original == nil {
            remarks.append("the names are those of \(Self.name(original.family))")
            remarks.append(
                "not kept, for a single file has no place for it: the tokenizer, and the scheduler's configuration "
                    + "(\(description.scheduler.className ?? "without a class"))")
            if prediction == .velocity {
                remarks.append("it predicts v, which its notes say; other programs may have to be told")
            }
        }
        self.remarks = remarks
        try Self.check(description, against: SingleFile(tensors), contents.path)
    }

    private static func name(_ family: OriginalCheckpoint.Family) -> String {
        switch family {
        case .sd1: "Stable Diffusion 1"
        case .sd2: "Stable Diffusion 2"
        case .xlBase: "Stable Diffusion XL"
        case .xlRefiner: "Stable Diffusion XL's refiner"
        }
    }

    private static func family(_ contents: ModelContents) -> OriginalCheckpoint.Family? {
        if let original = contents.original { return original.family }
        let description = contents.description
        let clips = description.texts.compactMap { $0.config as? CLIPTextConfig }
        guard clips.count == description.texts.count else { return nil }
        switch (description.isXL, description.texts.map(\.part)) {
        case (true, [.textEncoder, .textEncoder2]): return .xlBase
        case (true, [.textEncoder2]): return .xlRefiner
        case (false, [.textEncoder]): return clips[0].activation == .gelu ? .sd2 : .sd1
        default: return nil
        }
    }

    /// What the file will be taken for must be what the model is.
    private static func check(_ model: ModelDescription, against file: SingleFile, _ path: String) throws {
        func refuse(_ what: String, _ own: some Equatable, _ told: some Equatable) -> LimnError {
            LimnError(
                "\(path): a single file cannot say everything about this model: \(what) is \(own), but would be taken "
                    + "for \(told). Write a folder instead")
        }
        let told = try ModelDescription(file, tokenizer: "")
        guard told.unet.attentionHeads == model.unet.attentionHeads else {
            throw refuse(
                "the number of the UNet's attention heads", model.unet.attentionHeads, told.unet.attentionHeads)
        }
        guard told.unet.normGroups == model.unet.normGroups else {
            throw refuse("the number of the UNet's norm groups", model.unet.normGroups, told.unet.normGroups)
        }
        var (own, other) = (model.unet, told.unet)
        (own.sampleSize, other.sampleSize) = (0, 0)
        // A level without transformers has no use for these.
        (own.transformerLayers, other.transformerLayers) = ([], [])
        (own.reverseTransformerLayers, other.reverseTransformerLayers) = ([], [])
        guard own == other else { throw refuse("the UNet's configuration", "unusual", "a usual one") }
        guard var vae = model.vae as? AutoencoderConfig else {
            throw refuse("the VAE's class", "AutoencoderTiny", "AutoencoderKL")
        }
        // What overflows half precision goes without saying; what does not is none the worse for float32.
        vae.needsFloat32 = (told.vae as? AutoencoderConfig)?.needsFloat32 ?? vae.needsFloat32
        guard told.vae as? AutoencoderConfig == vae else {
            let isScaled = told.vae.scalingFactor != model.vae.scalingFactor
            throw isScaled
                ? refuse("the VAE's scaling factor", model.vae.scalingFactor, told.vae.scalingFactor)
                : refuse("the VAE's configuration", "unusual", "a usual one")
        }
        for (own, told) in zip(model.texts, told.texts) {
            guard var mine = own.config as? CLIPTextConfig, let other = told.config as? CLIPTextConfig else { continue }
            guard mine.headCount == other.headCount else {
                throw refuse("the number of the text encoder's heads", mine.headCount, other.headCount)
            }
            mine.endID = other.endID
            guard mine == other else { throw refuse("the text encoder's configuration", "unusual", "a usual one") }
        }
        guard told.scheduler.predictionType == model.scheduler.predictionType else {
            throw refuse(
                "its prediction", model.scheduler.predictionType.rawValue, told.scheduler.predictionType.rawValue)
        }
    }
}
