/// Where a generation stands.
public struct Progress: Sendable, Equatable {
    public enum Stage: Sendable, Equatable {
        case encodingText
        case encodingPicture
        /// `step` steps of `steps` are done.
        case denoising(step: Int, steps: Int)
        case decoding
    }

    public var stage: Stage
    /// Which picture, from 0, of how many.
    public var picture: Int
    public var pictures: Int
    /// Seconds that the last step took; nil before the first.
    public var secondsPerStep: Double?
    /// What the picture would be if all noise were taken away now; nil unless previews were asked for and one is due.
    public var preview: Picture?

    /// Seconds until this picture's last step, judged by the last one.
    public var secondsLeft: Double? {
        guard case .denoising(let step, let steps) = stage, let secondsPerStep else { return nil }
        return Double(steps - step) * secondsPerStep
    }
}

/// What a generation tells while it runs.
public enum Event: Sendable {
    case progress(Progress)
    /// Something that the user should know: words of the prompt that fell off, for example.
    case warning(String)
    case picture(Picture)
}

/// Seconds that the parts of a picture's making took.
public struct StageSeconds: Sendable, Equatable {
    public var textEncoder = 0.0
    public var vaeEncoder = 0.0
    public var unet = 0.0
    public var vaeDecoder = 0.0

    public init() {}

    public var total: Double { textEncoder + vaeEncoder + unet + vaeDecoder }
}
