import Images
import Sampling

/// A value that can be asked for by name, and one line about it.
public struct NamedChoice: Sendable, Equatable {
    public let name: String
    public let summary: String
}

/// The names that a request's text fields take.
public enum Choices {
    /// For `Request.sampler`.
    public static let samplers = SamplerName.allCases.map { NamedChoice(name: $0.rawValue, summary: $0.summary) }
    /// For `Request.schedule`.
    public static let schedules = ScheduleName.allCases.map { NamedChoice(name: $0.rawValue, summary: $0.summary) }
    /// For `Request.generator`.
    public static let generators = GeneratorName.allCases.map {
        NamedChoice(name: $0.rawValue, summary: $0.summary)
    }
}

extension Picture {
    /// Like `write(to:)`, but never replaces a file that is there, be it one that came into being a moment ago.
    ///
    /// - Throws: `LimnError` if there is a file of this name, or if it cannot be written
    public func write(toNew path: String) throws {
        try withLimnErrors { try PNG.write(image, text: metadata, to: path, replacing: false) }
    }
}
