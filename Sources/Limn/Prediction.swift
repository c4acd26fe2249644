import Sampling

/// What a network predicts of noisy latents.
public enum Prediction: String, Sendable, CaseIterable, Codable {
    /// The noise.
    case epsilon
    /// The velocity (Salimans and Ho 2022).
    case velocity = "v"
    /// The clean latents.
    case sample

    var type: PredictionType {
        switch self {
        case .epsilon: .epsilon
        case .velocity: .velocity
        case .sample: .sample
        }
    }
}
