/// Everything that decides a picture. The same request, given to the same model, makes the same bytes, whatever the
/// number of threads and pictures.
///
///     var request = Request(prompt: "a red apple")
///     request.steps = 20
///     request.seed = 7
public struct Request: Sendable, Equatable {
    /// What to draw.
    public var prompt: String
    /// What to steer away from.
    public var negativePrompt = ""
    /// A picture on the way from the prompt to another one.
    public var morph: Morph?
    /// The program whose picture this is to be. It decides what is left open here, and how the rest is read.
    public var likeness = Likeness.diffusers
    /// What only the webui can be asked, and pictures that are like its.
    public var webUI = WebUIOptions()
    /// Which picture of a batch of ComfyUI's this is, whose pictures share one tensor of noise; nil: of none.
    public var place: BatchPlace?
    /// How both are read: as they are, or for weights and other signs; nil: as the likeness does, `plain` for diffusers.
    public var promptStyle: PromptStyle?
    /// What weights in them do; nil: what they do where the style comes from.
    public var emphasis: Emphasis?
    /// What the prompt was chosen from, where `PromptChoices` chose it; for the record alone.
    public var promptTemplate: String?
    /// The same for the negative prompt.
    public var negativePromptTemplate: String?
    /// Size in pixels, multiples of `Model.sizeMultiple`; nil for the model's own size or, with `initImage`, that
    /// picture's shape.
    public var width: Int?
    public var height: Int?
    /// Denoising steps, from 1.
    public var steps = 25
    /// Classifier-free guidance (Ho and Salimans 2022); 1 is off. nil: what the model asks for, else 7.
    public var guidanceScale: Float?
    /// φ of CFG rescale (Lin et al. 2023), 0…1.
    public var guidanceRescale: Float = 0
    /// The part of the steps, 0…1, that is guided; the rest follows the prompt alone, with half the work. 1: all.
    public var guidanceEnd = 1.0
    /// How else it is guided: curves, attention, thresholds.
    public var guidance = GuidanceOptions()
    /// Every how many evaluations of the UNet it runs as a whole; those between run its outermost layers and take the
    /// rest from the last whole one (Ma et al. 2023, DeepCache). 1: every one is whole.
    public var cacheInterval = 1
    /// nil: a random one, to be found in `Picture.request`.
    public var seed: UInt64?
    /// Whose random numbers: "torch" (PyTorch on a CPU), "cuda" (PyTorch on a GPU) or "numpy"; nil: the likeness's, "torch"
    /// for diffusers.
    public var generator: String?
    /// Pictures near that of `seed`. Picture *i* then uses `seed` and the variation's seed + *i*.
    public var variation: Variation?
    /// The size in pixels at which the seed's noise is drawn; its middle is kept at any other size of the picture, whose
    /// composition so stays what it was. nil: the picture's own.
    public var seedSize: PixelSize?
    /// A sampler's name, such as "euler" or "dpm++2m"; nil for what the model's scheduler configuration says.
    public var sampler: String?
    /// How the noise levels are spaced, such as "karras" or "sgm_uniform"; nil for what the configuration says.
    public var schedule: String?
    /// Noise that samplers add that can do with less or none, 0…1; nil for the sampler's own.
    public var eta: Float?
    /// What few pictures need of samplers and noise.
    public var tuning = SamplerTuning()
    /// What only some samplers can be asked: order, formula, noise on the way.
    public var solver = Solver()
    /// Which layer of the text encoder is listened to: 1 is the last, 2 the one before. Stable Diffusion 2 and XL count
    /// from the layer before the last, but for ComfyUI's and stable-diffusion.cpp's likeness. nil: the usual one.
    public var clipSkip: Int?
    /// How many pictures; picture *i* uses seed + *i*, but for ComfyUI's likeness, whose pictures share the seed.
    public var count = 1
    /// The picture to start from (image to image).
    public var initImage: Picture?
    /// How far to move from `initImage`, 0…1. nil: 0.75, or 1 with `mask`.
    public var strength: Double?
    /// Where to repaint `initImage`: white is repainted, black is kept.
    public var mask: Picture?
    /// Standard deviation, in pixels, of the blur that feathers the mask's edge when kept pixels are put back.
    public var maskBlur = 4.0
    /// Models that follow instructions: how strictly to keep to `initImage`, from 1; nil: 1.5.
    public var imageGuidanceScale: Float?
    /// Stable Diffusion XL: the size that the picture is to look as if it had had before it was scaled and cropped;
    /// nil: the picture's own.
    public var originalSize: PixelSize?
    /// Stable Diffusion XL: where the picture is to look as if it had been cropped from; nil: the corner.
    public var crop: PictureCrop?
    /// Stable Diffusion XL: the size that the picture is to look as if it had been made for; nil: the picture's own.
    public var targetSize: PixelSize?
    /// Models with a refiner: the part of the noise, 0…1, after which it takes over; nil: 0.8.
    public var refinerStart: Double?
    /// The refiner of Stable Diffusion XL: how beautiful the picture shall be, about 1 to 10; nil: 6.
    public var aestheticScore: Float?
    /// The same for what is steered away from; nil: 2.5.
    public var negativeAestheticScore: Float?
    /// Whether the VAE encodes and decodes a picture larger than a tile (64 latents a side, 512 pixels of Stable
    /// Diffusion) in overlapping tiles, in the memory that one of them takes; the picture changes slightly, for norms
    /// see a tile alone. nil: only where the model was loaded with `LoadOptions.lowMemory`. `Picture.request` says what
    /// was done, so that the picture can be drawn again by a model that was loaded otherwise.
    public var vaeTiling: Bool?
    /// The starting noise, [count, channels, height, width] of the latents, instead of what the seed gives.
    public var latents: Latents?

    /// What the network predicts; nil for what the model's configuration says, or a single file tells.
    public var prediction: Prediction?

    public init(prompt: String) { self.prompt = prompt }
}

/// What only the webui has, in its settings more than on its page.
public struct WebUIOptions: Sendable, Equatable, Codable {
    /// What is added to the seed for the noise that samplers add on the way ("Eta noise seed delta", ENSD).
    public var noiseSeedDelta: UInt64?
    /// Whether a run from text begins with as much noise as if there were a picture under it ("SGM noise multiplier").
    public var usesSGMNoise: Bool?
    /// Whether all samplers leave out the last σ but one, which DPM2 and DPM++ 3M SDE always do ("Always discard
    /// next-to-last sigma").
    public var leavesOutPenultimate: Bool?
    /// What the noise that is put on a picture is multiplied with, 0…2 ("Noise multiplier for img2img").
    public var noiseMultiplier: Double?
    /// What lies where a mask repaints before that is begun ("Masked content").
    public var maskedContent: MaskedContent?

    public init() {}
}

/// What lies where a mask repaints, before it is repainted.
public enum MaskedContent: String, Sendable, CaseIterable, Codable {
    /// The picture.
    case original
    /// The seed's noise in the place of its latents.
    case latentNoise = "latent noise"
    /// Zeros in the place of its latents.
    case latentNothing = "latent nothing"
}

/// A picture's place in a batch.
public struct BatchPlace: Sendable, Equatable, Codable {
    /// From 0.
    public var index: Int
    /// How many there are.
    public var count: Int

    public init(index: Int, count: Int) { (self.index, self.count) = (index, count) }
}

/// A size in pixels.
public struct PixelSize: Sendable, Equatable, Codable {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }
}

/// Another prompt, and how far towards it a picture is: what the text encoders say of both is mixed.
public struct Morph: Sendable, Equatable, Codable {
    public var prompt: String
    /// 0…1: 0 is the request's own prompt, 1 this one.
    public var amount: Double

    public init(prompt: String, amount: Double) { (self.prompt, self.amount) = (prompt, amount) }
}

/// The noise of a second seed, mixed into the first one's.
public struct Variation: Sendable, Equatable, Codable {
    /// nil: a random one, to be found in `Picture.request`.
    public var seed: UInt64?
    /// 0…1: 0 is the first seed's picture, 1 the second's.
    public var strength: Double

    public init(seed: UInt64? = nil, strength: Double) { (self.seed, self.strength) = (seed, strength) }
}

/// Pixels that were cut off above and to the left.
public struct PictureCrop: Sendable, Equatable, Codable {
    public var top: Int
    public var left: Int

    public init(top: Int, left: Int) { (self.top, self.left) = (top, left) }
}

/// Latents as diffusers has them: [batch, channels, height, width], row-major.
public struct Latents: Sendable, Equatable {
    public let batch: Int
    public let channels: Int
    public let height: Int
    public let width: Int
    public let values: [Float]

    /// - Throws: `LimnError` if the count of values is not the product of the sizes.
    public init(batch: Int, channels: Int, height: Int, width: Int, values: [Float]) throws {
        let sizes = [batch, channels, height, width]
        var count = 1
        for size in sizes {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard size > 0, !overflow else { throw LimnError("latents of shape \(sizes) are not possible") }
            count = product
        }
        guard values.count == count else {
            throw LimnError("latents of shape \(sizes) need \(count) values, not \(values.count)")
        }
        guard values.allSatisfy(\.isFinite) else {
            throw LimnError("the latents hold values that are not numbers")
        }
        (self.batch, self.channels, self.height, self.width) = (batch, channels, height, width)
        self.values = values
    }

    var valuesPerPicture: Int { channels * height * width }

    func picture(_ index: Int) -> [Float] {
        Array(values[index * valuesPerPicture..<(index + 1) * valuesPerPicture])
    }

    /// The latents of one picture.
    func alone(_ index: Int) throws -> Latents {
        try Latents(batch: 1, channels: channels, height: height, width: width, values: picture(index))
    }

    /// The latents of each picture on its own.
    func pictures() throws -> [Latents] { try (0..<batch).map(alone) }
}
