import FoundationEssentials
import Models
import Sampling

/// Which parts a model has and what their configurations say, wherever that was found: a folder, or a single file's
/// shapes. Nothing large is read for it.
///
/// Loading is three steps: a description, the weights that belong to it (`ModelParts`), and the networks made of both
/// (`Networks`).
package struct ModelDescription: Sendable {
    /// A text encoder with the tokenizer that belongs to it.
    package struct Text: Sendable {
        package var part: ModelParts.Part
        /// Where the tokenizer's files lie.
        package var tokenizer: String
        package var config: any TextEncoderConfig
        /// What fills texts up, where the tokenizer's own files do not decide that.
        package var padding: String?

        package init(
            part: ModelParts.Part, tokenizer: String, config: any TextEncoderConfig, padding: String? = nil
        ) {
            (self.part, self.tokenizer, self.config, self.padding) = (part, tokenizer, config, padding)
        }
    }

    /// What a UNet sees besides the noisy latents.
    package enum Input: Sendable, Equatable {
        /// Nothing: pictures from text, and from pictures and masks by way of the latents.
        case latents
        /// A mask and the latents of the picture without what it covers.
        case maskedPicture
        /// The latents of a picture that is to be changed as the prompt says (Brooks et al. 2022, InstructPix2Pix).
        case picture
    }

    package var path: String
    /// The pipeline's class, from `model_index.json`.
    package var pipelineClass: String?
    /// One, or SDXL's two, whose states lie side by side.
    package var texts: [Text]
    package var unet: UNetConfig
    package var vae: any VAEConfig
    package var scheduler: SchedulerConfig
    /// Guidance that the model's maker recommends (`limn.json`, key `guidance_scale`).
    package var guidanceScale: Float?
    /// An empty negative prompt is no states at all, rather than those of an empty text (SDXL's
    /// `force_zeros_for_empty_prompt`).
    package var zeroesEmptyNegative = false

    /// - Throws: `LimnError` if the parts do not belong to one model, or make one that cannot be run
    package init(
        path: String, pipelineClass: String? = nil, texts: [Text], unet: UNetConfig, vae: any VAEConfig,
        scheduler: SchedulerConfig, guidanceScale: Float? = nil, zeroesEmptyNegative: Bool = false
    ) throws {
        (self.path, self.pipelineClass, self.texts) = (path, pipelineClass, texts)
        (self.unet, self.vae, self.scheduler) = (unet, vae, scheduler)
        (self.guidanceScale, self.zeroesEmptyNegative) = (guidanceScale, zeroesEmptyNegative)
        try check()
    }

    /// The folder's or the file's own name.
    package var name: String {
        let url = URL(filePath: path).standardizedFileURL
        return HubCache.name(ofSnapshot: url.path) ?? url.lastPathComponent
    }

    /// Whether pooled text and picture sizes join the time embedding, as in Stable Diffusion XL.
    package var isXL: Bool { unet.additionTimeChannels != nil }

    /// Whether the VAE multiplies float32 numbers even where the other networks do not.
    package var needsFloat32VAE: Bool { isXL && vae.needsFloat32 }

    package var input: Input {
        switch unet.inChannels - vae.latentChannels {
        case 0: .latents
        case vae.latentChannels: .picture
        default: .maskedPicture
        }
    }

    /// The numbers about a picture that an XL model is told: 6 for sizes and crop; 5 where an aesthetic score takes
    /// the place of the target size (its refiner).
    package var sizeConditionCount: Int {
        guard let channels = unet.additionTimeChannels else { return 0 }
        return (unet.additionInputChannels - pooledChannels) / channels
    }

    /// Width of the pooled text: the last encoder's.
    package var pooledChannels: Int { texts.last?.config.pooledChannels ?? 0 }

    /// The largest clip skip that every text encoder allows.
    package var largestClipSkip: Int {
        let largest = texts.map(\.config.largestClipSkip).min() ?? 1
        // XL counts from the layer before the last.
        return isXL ? max(1, largest - 1) : largest
    }

    /// Clip skip as the layers are counted here: XL and Stable Diffusion 2 from the layer before the last, to which they
    /// were trained to listen.
    ///
    /// - Parameter asked: nil for the usual one
    /// - Throws: `LimnError` for layers that there are not
    func clipSkip(_ asked: Int?, _ counting: Habits.ClipSkip) throws -> Int {
        let listensBeforeLast = isXL || isStableDiffusion2
        guard let asked else { return 1 }
        if counting == .ofSD1Alone, listensBeforeLast { return 1 }
        let shift = counting == .fromLast && listensBeforeLast ? 1 : 0
        // XL's files have the last layer, Stable Diffusion 2's leave it out.
        let allowed = (isXL && shift == 1 ? 1 : 1 + shift)...largestClipSkip + shift
        guard allowed.contains(asked) else {
            throw LimnError(
                "clip skip \(asked) is out of range: the layers of this model's text encoder allow "
                    + "\(allowed.lowerBound) to \(allowed.upperBound)", isUsage: true)
        }
        return asked - shift
    }

    /// By the encoder that it has.
    private var isStableDiffusion2: Bool { !isXL && texts.count == 1 && texts.first?.config.channels == 1024 }

    /// The states that the UNet listens to.
    package func layer(clipSkip: Int) -> TextLayer {
        isXL ? TextLayer(skipped: clipSkip, isNormalised: false) : TextLayer(skipped: clipSkip - 1, isNormalised: true)
    }

    /// What two configurations must agree on.
    private func check() throws {
        func fail(_ text: String) -> LimnError { LimnError("\(path): \(text)") }
        let width = texts.reduce(0) { $0 + $1.config.channels }
        for channels in unet.textChannels where channels != width {
            let encoders = texts.count == 1 ? "the text encoder is" : "the text encoders together are"
            throw fail(
                "\(encoders) \(width) wide, but the UNet was made for \(channels); they are not parts of one model")
        }
        guard unet.outChannels == vae.latentChannels else {
            throw fail(
                "the UNet gives \(unet.outChannels) channels, but the VAE's latents have \(vae.latentChannels); they "
                    + "are not parts of one model")
        }
        try checkInput(fail)
        if isXL {
            try checkAddition(fail)
        } else if texts.count > 1 {
            throw fail("there are two text encoders, but a UNet that has no use for the second's pooled text")
        }
    }

    private func checkInput(_ fail: (String) -> LimnError) throws {
        let latent = vae.latentChannels
        switch unet.inChannels {
        case latent, 2 * latent, 2 * latent + 1: return
        case latent + 1:
            throw fail(
                "depth models (a UNet with \(latent + 1) input channels, the last a depth map) are not supported")
        case latent + 3:
            throw fail(
                "upscaling models (a UNet with \(latent + 3) input channels, three of them a small picture) are not "
                    + "supported")
        default:
            throw fail(
                "a UNet with \(unet.inChannels) input channels is not supported; limn knows \(latent) (text and "
                    + "pictures), \(2 * latent) (changing pictures by instructions) and \(2 * latent + 1) (inpainting)")
        }
    }

    private func checkAddition(_ fail: (String) -> LimnError) throws {
        guard let channels = unet.additionTimeChannels else { return }
        guard pooledChannels > 0 else {
            throw fail(
                "the UNet wants the text pooled, but \(texts.last?.part.rawValue ?? "its text encoder") is not a "
                    + "CLIPTextModelWithProjection")
        }
        guard [5, 6].contains(sizeConditionCount),
            pooledChannels + sizeConditionCount * channels == unet.additionInputChannels
        else {
            throw fail(
                "the UNet's add_embedding takes \(unet.additionInputChannels) values, but \(pooledChannels) of pooled "
                    + "text and 5 or 6 numbers of \(channels) each were expected; they are not parts of one model")
        }
    }
}
