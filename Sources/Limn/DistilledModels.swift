import Models
import Sampling

/// Models that were distilled to draw in a few steps, told by the schedulers that they are published with. They want
/// other steps and guidance than people who give neither would get from others.
enum DistilledKind: Sendable, Equatable {
    /// Latent consistency models (Luo et al. 2023): told the guidance scale, and made for `LCMScheduler`.
    case latentConsistency
    /// Adversarially distilled ones (Sauer et al. 2023, SDXL Turbo): ancestral Euler over trailing timesteps, no guidance.
    case turbo
}

extension ModelDescription {
    var distilled: DistilledKind? {
        switch scheduler.className {
        case "LCMScheduler" where unet.timeConditionChannels != nil: .latentConsistency
        case "EulerAncestralDiscreteScheduler" where scheduler.timestepSpacing == .trailing && input == .latents: .turbo
        default: nil
        }
    }

    /// Guidance where nobody asks for another: as the model's maker recommends, as diffusers' pipeline has it, or 7.
    var usualGuidance: Float {
        if let guidanceScale { return guidanceScale }
        switch distilled {
        case .latentConsistency: return 8.5
        case .turbo: return 1
        case nil: return 7
        }
    }

    /// Steps where nobody asks for others.
    ///
    /// - Parameter startsFromPicture: whether only a part of them is taken
    func usualSteps(startsFromPicture: Bool) -> Int {
        switch distilled {
        case .latentConsistency: 4
        // One is what these are for; of a picture's four, three are left at the usual strength.
        case .turbo: startsFromPicture ? 4 : 1
        case nil: 25
        }
    }
}

extension Model {
    /// Denoising steps that suit the model where nobody asks for others: 25, or a few for models that were distilled
    /// to draw in so many (LCM: 4, SDXL Turbo: 1). `Request.steps` does not know the model and is 25.
    public nonisolated func usualSteps(for request: Request) -> Int {
        let own = request.source.picture == nil ? usualStepCounts.text : usualStepCounts.picture
        // A distilled model wants as few steps in every program.
        return own == Request(prompt: "").steps ? request.likeness.habits.steps ?? own : own
    }
}
