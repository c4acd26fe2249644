import Checkpoints
import Models
import Tensors

/// A second model that finishes what the first began, as Stable Diffusion XL's refiner does (Podell et al. 2023,
/// section 2.5). It shares the first's latents, and so its VAE and noise schedule.
struct Refiner: Sendable {
    let description: ModelDescription
    let texts: [TextReader]
    let unet: UNet2DConditionModel
    let fingerprint: String

    /// - Parameters:
    ///   - words: learnt ones that prompts may hold
    ///   - textCompute: where its text encoder will run
    init(
        _ opened: OpenedRefiner, words: [TextualInversion], text textCompute: Compute, _ compute: Compute
    ) throws {
        description = opened.description
        texts = try description.readers(opened.parts, words: words, textCompute)
        unet = try opened.parts.unet(description.unet, compute)
        fingerprint = opened.parts.fingerprint
    }
}

/// A refiner that was found to fit, with nothing large read yet.
struct OpenedRefiner {
    let description: ModelDescription
    var parts: ModelParts
    let warnings: [String]

    /// - Parameters:
    ///   - path: a folder or a file
    ///   - tokenizer: of a file, if none lies beside it; nil for that of the first model, whose vocabulary is the same
    /// - Throws: `LimnError` if it does not go on from the first model's latents
    init(path: String, of first: ModelDescription, tokenizer: String?, isLenient: Bool) throws {
        let opened = try OpenedModel(
            path: path,
            options: .init(usualTokenizer: tokenizer ?? first.texts.last?.tokenizer, isLenient: isLenient))
        let description = opened.description
        guard first.isXL, description.isXL, first.input == .latents, description.input == .latents,
            description.vae.latentChannels == first.vae.latentChannels,
            description.vae.scalingFactor == first.vae.scalingFactor,
            description.vae.statistics == first.vae.statistics
        else {
            throw LimnError(
                "\(path): this is no refiner for \(first.name): a Stable Diffusion XL model's work is gone on with by "
                    + "another one of the same latents", isUsage: true)
        }
        guard description.scheduler.predictionType == first.scheduler.predictionType,
            description.scheduler.sigmaData == first.scheduler.sigmaData
        else {
            throw LimnError("\(path): the refiner predicts something else than \(first.name) does")
        }
        (self.description, parts, warnings) = (description, opened.parts, opened.warnings)
    }
}
