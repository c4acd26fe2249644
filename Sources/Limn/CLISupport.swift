import Images
import Sampling

/// A value that can be asked for by name, and one line about it.
public struct NamedChoice: Sendable, Equatable, Codable {
    public let name: String
    public let summary: String
}

/// The names that a request's text fields take.
public enum Choices {
    /// For `Request.sampler`.
    public static let samplers = SamplerName.allCases.map { NamedChoice(name: $0.rawValue, summary: $0.summary) }
    /// For `Request.schedule`.
    public static let schedules = ScheduleName.allCases.map { NamedChoice(name: $0.rawValue, summary: $0.summary) }
    /// The name of its own that a sampler has, one of whose names this is.
    ///
    /// - Throws: an error that lists the known ones and the nearest
    public static func sampler(named name: String) throws -> String {
        try withLimnErrors { try SamplerName(named: name).rawValue }
    }

    public static func schedule(named name: String) throws -> String {
        try withLimnErrors { try ScheduleName(named: name).rawValue }
    }

    /// For `Request.generator`.
    public static let generators = GeneratorName.allCases.map {
        NamedChoice(name: $0.rawValue, summary: $0.summary)
    }
}

extension Picture {
    private static let previewKeyword = "Comment"
    private static let previewMark = "A preview of a picture that limn is drawing"

    /// Writes a preview, in the place of the one before.
    ///
    /// - Throws: `LimnError` if it cannot be written
    public func write(preview path: String) throws {
        try withLimnErrors {
            try PNG.write(image, text: [(Self.previewKeyword, Self.previewMark)], to: path, replacing: true)
        }
    }

    /// Whether a file is a preview, and may be replaced by another.
    public static func isPreview(_ path: String) -> Bool {
        guard let text = try? PNG.readText(path) else { return false }
        return text.contains { $0.keyword == previewKeyword && $0.text == previewMark }
    }

    /// Like `write(to:)`, but never replaces a file that is there, be it one that came into being a moment ago.
    ///
    /// - Throws: `LimnError` if there is a file of this name, or if it cannot be written
    public func write(toNew path: String) throws {
        try withLimnErrors { try PNG.write(image, text: metadata, to: path, replacing: false) }
    }
}
