/// How a picture is guided, beyond `Request.guidanceScale`; by default by that scale alone.
///
///     request.guidance.perturbedAttention = .init(scale: 3)
///     request.guidance.curve = .init(shape: "linear", values: [1])
public struct GuidanceOptions: Sendable, Equatable {
    /// φ of CFG rescale (Lin et al. 2023), 0…1.
    public var rescale: Float = 0
    /// Models that edit pictures: how strictly to keep to `Request.Source.picture`, 0…1000. The default is 1.5.
    public var imageScale: Float?
    /// The part of the steps, 0…1, after which classifier-free guidance begins (Kynkäänniemi et al. 2024). Steps that are
    /// not guided do half the work. The default is 0.
    public var start: Double?
    /// The part of the steps, 0…1, after which it ends. 1: at the last step.
    public var end = 1.0
    /// The noise levels that are guided; both this and the part of the steps must allow a step.
    public var sigmas: Sigmas?
    /// How the guidance scale goes over the run.
    public var curve: Curve?
    /// Perturbed-attention guidance (Ahn et al. 2024).
    public var perturbedAttention: PerturbedAttention?
    /// Self-attention guidance (Hong et al. 2023): how strongly, 0…100, usually 0.5 to 1; 0 and nil are off.
    public var selfAttentionScale: Float?
    /// Adaptive projected guidance (Sadat et al. 2024).
    public var adaptiveProjection: AdaptiveProjection?
    /// The webui's dynamic thresholding, "CFG scale fix".
    public var dynamicThresholding: MimicScale?
    /// Imagen's dynamic thresholding of every predicted picture (Saharia et al. 2022).
    public var threshold: Threshold?

    public init() {}

    /// Noise levels σ of the variance-exploding kind, from about 15 down to 0.03 in Stable Diffusion: guided where
    /// low < σ ≤ high.
    public struct Sigmas: Sendable, Equatable, Codable {
        public var low: Double
        public var high: Double

        public init(low: Double, high: Double) { (self.low, self.high) = (low, high) }
    }

    public struct Curve: Sendable, Equatable, Codable {
        /// "linear" or "cosine", from one value to the guidance scale; "values", through all of them.
        public var shape: String
        /// Guidance scales, 0…1000.
        public var values: [Float]

        public init(shape: String, values: [Float]) { (self.shape, self.values) = (shape, values) }
    }

    public struct PerturbedAttention: Sendable, Equatable, Codable {
        /// 0…100, usually 2 to 4; 0 is off.
        public var scale: Float
        /// By how much the scale falls with each timestep below 1000, 0…100.
        public var adaptiveScale: Float
        /// Modules whose self-attentions are perturbed: "mid", "down_blocks.1", "up_blocks.0.attentions.1".
        public var layers: [String]

        public init(scale: Float, adaptiveScale: Float = 0, layers: [String] = ["mid"]) {
            (self.scale, self.adaptiveScale, self.layers) = (scale, adaptiveScale, layers)
        }
    }

    public struct AdaptiveProjection: Sendable, Equatable, Codable {
        /// How much is kept of what lies along the prediction, 0…1; 1 is all, as in plain guidance.
        public var eta: Float
        /// The longest that guidance may reach, in latents' own units, 0…1e6; 0: as far as it likes.
        public var threshold: Float
        /// How much of the last steps is added, −1…1, below 1; the paper's is negative.
        public var momentum: Float

        public init(eta: Float = 0, threshold: Float = 15, momentum: Float = -0.5) {
            (self.eta, self.threshold, self.momentum) = (eta, threshold, momentum)
        }
    }

    public struct MimicScale: Sendable, Equatable, Codable {
        /// The guidance scale whose spread of values the picture is given, 0…1000.
        public var scale: Float
        /// The part of the values that is not clipped, above 0 to 1.
        public var percentile: Float = 1
        /// How the mimic scale goes: "constant", "linear-down", "cosine-up", ….
        public var mode = "constant"
        /// What it goes down to, or starts from.
        public var minimum: Float = 0
        /// The same of the guidance scale.
        public var guidanceMode = "constant"
        public var guidanceMinimum: Float = 0
        /// The exponent of modes of powers, and how often the repeating ones repeat, 0…100.
        public var power: Float = 4
        /// What values are scaled about: "mean" or "zero".
        public var startpoint = "mean"
        /// What is measured: "ad", the largest distance from the mean, or "std", the standard deviation.
        public var variability = "ad"
        /// Whether each channel is measured by itself.
        public var separateChannels = true
        /// The part of the result that is taken, 0…1; the rest is guided as usual.
        public var phi: Float = 1

        public init(scale: Float) { self.scale = scale }
    }

    public struct Threshold: Sendable, Equatable, Codable {
        /// The part of the values that is not clipped, above 0 to 1.
        public var ratio: Float
        /// What the values are brought back to, above 0: 1 for pixels, about 4 for the latents of Stable Diffusion.
        public var range: Float
        /// Nothing beyond is looked at, at least `range`.
        public var maximum: Float

        public init(ratio: Float = 0.995, range: Float = 1, maximum: Float = 1000) {
            (self.ratio, self.range, self.maximum) = (ratio, range, maximum)
        }
    }
}
