import Sampling

/// What is known of a sampler before it runs.
public struct SamplerFacts: Sendable, Codable, Equatable {
    /// By which `Request.sampler` knows it.
    public let name: String
    /// As the webui writes it.
    public let displayName: String
    /// Other names that mean it: the webui's, ComfyUI's, k-diffusion's and diffusers' classes. Case and punctuation do
    /// not matter.
    public let aliases: [String]
    /// How fast its error falls as steps double, with its usual settings.
    public let order: Int
    /// How often a step runs the network; nil where the sampler decides by itself.
    public let evaluations: Int?
    /// Whether it draws noise on its way.
    public let isStochastic: Bool
    /// Whether the noise levels of its steps can be spaced by a schedule.
    public let takesSchedule: Bool
    /// What it is, and when to use it.
    public let summary: String
}

/// What is known of a schedule.
public struct ScheduleFacts: Sendable, Codable, Equatable {
    /// By which `Request.schedule` knows it.
    public let name: String
    /// As the webui writes it.
    public let displayName: String
    public let aliases: [String]
    public let summary: String
}

extension Choices {
    public static let samplerFacts = SamplerName.allCases.map { name in
        SamplerFacts(
            name: name.rawValue, displayName: name.displayName, aliases: Array(name.names.dropFirst(2)),
            order: name.order, evaluations: name.evaluations, isStochastic: name.isStochastic,
            takesSchedule: name.takesSchedule, summary: name.summary)
    }

    public static let scheduleFacts = ScheduleName.allCases.map {
        ScheduleFacts(name: $0.rawValue, displayName: $0.displayName, aliases: $0.aliases, summary: $0.summary)
    }

    /// For `SamplerTuning.noiseSchedule`.
    public static let noiseSchedules = BetaSchedule.allCases.map {
        NamedChoice(name: $0.rawValue, summary: $0.summary)
    }
}
