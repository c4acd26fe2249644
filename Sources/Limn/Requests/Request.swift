/// Everything that determines a picture. The same request to the same model gives the same bytes, whatever the number of
/// threads and of pictures.
///
///     var request = Request(prompt: "a red apple")
///     request.steps = 20
///     request.seed = 7
///     request.guidance.rescale = 0.7
///
/// What most requests set lies here; the rest in groups. `RequestField` lists every field, with its range and the names
/// that it has in pictures' records. `nil` always means the default, which `RequestField.usual` describes.
public struct Request: Sendable, Equatable {
    /// What to draw.
    public var prompt: String
    /// What to steer away from.
    public var negativePrompt = ""
    /// Width in pixels, a multiple of `Model.sizeMultiple`.
    public var width: Int?
    /// Height in pixels, a multiple of `Model.sizeMultiple`.
    public var height: Int?
    /// How many pictures to draw. Picture *i* uses seed + *i*, except in ComfyUI's profile, whose batches share the seed.
    public var count = 1
    /// The seed of the first picture. `Picture.request` holds the one that was chosen at random.
    public var seed: UInt64?
    /// Denoising steps, 1 to the number of the model's training steps.
    public var steps = 25
    /// A sampler's name, such as "euler" or "dpm++2m"; the default is the model's.
    public var sampler: String?
    /// How noise levels are spaced, such as "karras" or "sgm_uniform"; the default is the model's.
    public var schedule: String?
    /// Classifier-free guidance (Ho and Salimans 2022); 1 turns it off.
    public var guidanceScale: Float?
    /// How prompts are read.
    public var text = Text()
    /// A picture to start from, or other starting noise.
    public var source = Source()
    /// Rarely used settings of sampling.
    public var sampling = Sampling()
    /// How else the pictures are guided: when, by what, and how strongly.
    public var guidance = GuidanceOptions()
    /// Which random numbers are used, and how.
    public var seeds = Seeds()
    /// Conditions that only some families of models read.
    public var conditions = Conditions()
    /// Whether the VAE works on overlapping tiles where the picture is larger than one (64 latents a side: 512 pixels with
    /// Stable Diffusion). This takes less memory and changes the picture slightly, for norms then see one tile at a time.
    /// The default is true only for a model loaded with `LoadOptions.lowMemory`.
    public var vaeTiling: Bool?
    /// The program whose picture this is to equal. It sets the defaults, and how the rest is read.
    public var likeness = Likeness.diffusers
    /// Settings that only the webui has, for its profile.
    public var webUI = WebUIOptions()

    public init(prompt: String) { self.prompt = prompt }
}

extension Request {
    /// How prompts are read.
    public struct Text: Sendable, Equatable {
        /// The syntax of both prompts; the default is the profile's: `plain` for diffusers.
        public var style: PromptStyle?
        /// What weights in prompts do; the default is the style's.
        public var emphasis: Emphasis?
        /// The layer of the text encoder whose output is used: 1 is the last, 2 the one before it. Stable Diffusion 2 and XL
        /// count from the penultimate layer, except in ComfyUI's and stable-diffusion.cpp's profiles.
        public var clipSkip: Int?
        /// Mixes the prompt's embeddings with those of another prompt.
        public var morph: Morph?
        /// The text that `PromptChoices` chose the prompt from; kept for the record.
        public var template: String?
        /// The same for the negative prompt.
        public var negativeTemplate: String?

        public init() {}
    }

    /// A picture to start from, or other starting noise.
    public struct Source: Sendable, Equatable {
        /// The picture to start from (image to image).
        public var picture: Picture?
        /// How far to move away from `picture`, 0…1. The default is 0.75, or 1 with `mask`.
        public var strength: Double?
        /// Where to repaint `picture`: white is repainted, black is kept. Of the picture's size.
        public var mask: Picture?
        /// Standard deviation, in pixels, of the blur that feathers the mask's edge when kept pixels are put back, 0…512.
        public var maskBlur = 4.0
        /// Starting noise in the place of the seed's: [count, channels, height, width] of the latents.
        public var latents: Latents?

        public init() {}
    }

    /// Rarely used settings of sampling.
    public struct Sampling: Sendable, Equatable {
        /// How much noise samplers add that can do with less or none, 0…1; the default is the sampler's.
        public var eta: Float?
        /// Settings of the noise, and of samplers.
        public var tuning = SamplerTuning()
        /// Settings of the sampler's solver: its order, its formula.
        public var solver = Solver()
        /// What the network predicts; the default is what the model's files say.
        public var prediction: Prediction?
        /// Every how many evaluations the whole UNet runs, 1…1000; those between run its outermost layers and take the rest
        /// from the last whole one (DeepCache, Ma et al. 2023). 1: always.
        public var cacheInterval = 1

        public init() {}
    }

    /// Which random numbers are used, and how.
    public struct Seeds: Sendable, Equatable {
        /// Whose random numbers: "torch" (PyTorch on a CPU), "cuda" (PyTorch on a GPU) or "numpy". The default is the
        /// profile's, "torch" for diffusers.
        public var generator: String?
        /// Mixes the seed's noise with another seed's. Picture *i* then uses `seed` and the variation's seed + *i*.
        public var variation: Variation?
        /// The size in pixels at which the seed's noise is drawn; its centre is kept at any other size of the picture, whose
        /// composition stays what it was. The default is the picture's own.
        public var size: PixelSize?
        /// Which picture of a ComfyUI batch this is; its pictures share one tensor of noise. The default is none.
        public var place: BatchPlace?

        public init() {}
    }

    /// Conditions that only some families of models read.
    public struct Conditions: Sendable, Equatable {
        /// Stable Diffusion XL: the size, in pixels, that the picture appears to have had before it was scaled. The default is
        /// its own.
        public var originalSize: PixelSize?
        /// Stable Diffusion XL: where the picture appears to have been cropped. The default is nowhere.
        public var crop: PictureCrop?
        /// Stable Diffusion XL: the size, in pixels, that the picture appears to have been made for. The default is its own.
        public var targetSize: PixelSize?
        /// Models with a refiner: the part of the noise, 0…1, after which it takes over. The default is 0.8.
        public var refinerStart: Double?
        /// Stable Diffusion XL's refiner: how beautiful the picture is to be, 0…100, usually 1 to 10. The default is 6.
        public var aestheticScore: Float?
        /// The same for what is steered away from. The default is 2.5.
        public var negativeAestheticScore: Float?

        public init() {}
    }
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
