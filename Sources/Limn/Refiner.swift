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

    /// - Parameter words: learnt ones that prompts may hold
    /// - Throws: `LimnError` if it does not go on from the first model's latents
    init(
        path: String, of first: ModelDescription, words: [TextualInversion], text textCompute: Compute,
        _ compute: Compute
    ) throws {
        let description = try ModelDescription(folder: path)
        guard first.isXL, description.isXL, first.input == .latents, description.input == .latents,
            description.vae.latentChannels == first.vae.latentChannels,
            description.vae.scalingFactor == first.vae.scalingFactor
        else {
            throw LimnError(
                "\(path): this is no refiner for \(first.name): a Stable Diffusion XL model's work is gone on with by "
                    + "another one of the same latents", isUsage: true)
        }
        guard description.scheduler.predictionType == first.scheduler.predictionType else {
            throw LimnError("\(path): the refiner predicts something else than \(first.name) does")
        }
        let parts = try ModelParts(folder: description)
        self.description = description
        texts = try description.readers(parts, words: words, textCompute)
        unet = try parts.unet(description.unet, compute)
        fingerprint = parts.fingerprint
    }
}
