import FoundationEssentials
import Glibc
import Tokenizers

/// Prompts with words to choose from: `{red|blue} car`, `{2::red|blue}` where red is twice as likely, `__colour__` for a
/// line of the file `colour.txt`; each within the others. `\{`, `\}` and `\|` are the signs themselves.
///
///     let requests = try PromptChoices(folder: "wildcards").requests(for: request)
public struct PromptChoices: Sendable {
    /// The most combinations that are drawn.
    public static let mostCombinations = 1000

    private let folder: String?

    /// - Parameter folder: where the files of words lie, one choice a line; lines that begin with # are none
    public init(folder: String? = nil) { self.folder = folder }

    /// Whether a text has choices, so that people can be told that they were not made.
    public static func isInvolved(_ text: String) -> Bool {
        guard let open = text.firstIndex(of: "{"), let bar = text[open...].firstIndex(of: "|") else { return false }
        return text[bar...].contains("}")
    }

    /// One request a picture, each with the words that its seed chooses.
    ///
    /// - Throws: `LimnError` for braces that do not close, and files that are not there
    public func requests(for request: Request) throws -> [Request] {
        let (prompt, negative) = try templates(request)
        guard (1...10_000).contains(request.count) else { return [request] }
        let seed = request.seed ?? UInt64.random(in: 0..<1 << 32)
        return try (0..<request.count).map { index in
            var own = request
            own.seed = seed &+ UInt64(index)
            own.count = 1
            if let latents = request.source.latents, latents.batch == request.count {
                own.source.latents = try latents.alone(index)
            }
            var random = ChoiceRandom(state: own.seed ?? 0)
            own.prompt = try choose { try prompt.text { random.next() } }
            own.negativePrompt = try choose { try negative.text { random.next() } }
            note(prompt, negative, request, in: &own)
            return own
        }
    }

    /// One request a combination of words, all with the same seed.
    ///
    /// - Throws: `LimnError` also if there are more than `mostCombinations`
    public func combinations(for request: Request) throws -> [Request] {
        let (prompt, negative) = try templates(request)
        let counts = [prompt.combinations, negative.combinations].map { $0 ?? .max }
        let (count, overflow) = counts[0].multipliedReportingOverflow(by: counts[1])
        guard !overflow, count <= Self.mostCombinations else {
            throw LimnError(
                "the prompt has \(overflow || count == .max ? "more than can be counted" : "\(count)") combinations, and "
                    + "at most \(Self.mostCombinations) are drawn; choose from fewer words, or at random with -b",
                isUsage: true)
        }
        let seed = request.seed ?? UInt64.random(in: 0..<1 << 32)
        return try (0..<count).map { index in
            var own = request
            own.seed = seed
            own.prompt = try choose { try prompt.combination(index % counts[0]) }
            own.negativePrompt = try choose { try negative.combination(index / counts[0]) }
            note(prompt, negative, request, in: &own)
            return own
        }
    }

    private func note(
        _ prompt: PromptTemplate, _ negative: PromptTemplate, _ request: Request, in own: inout Request
    ) {
        if prompt.hasChoices { own.text.template = request.prompt }
        if negative.hasChoices { own.text.negativeTemplate = request.negativePrompt }
    }

    private func templates(_ request: Request) throws -> (PromptTemplate, PromptTemplate) {
        try choose {
            (
                try PromptTemplate(parsing: request.prompt, lines: lines),
                try PromptTemplate(parsing: request.negativePrompt, lines: lines)
            )
        }
    }

    private func choose<R>(_ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let failure as PromptTemplate.Failure {
            throw LimnError("the prompt's choices: \(failure.description)", isUsage: true)
        }
    }

    private func lines(_ name: String) throws -> [String] {
        guard let folder else {
            throw LimnError(
                "the prompt asks for words of \(name); say where they lie with --wildcard-dir", isUsage: true)
        }
        guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
            throw LimnError("__\(name)__ leaves the folder of wildcards; name a file in it", isUsage: true)
        }
        let path = folder + "/" + name + ".txt"
        guard FileManager.default.fileExists(atPath: path) else {
            let found = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
            let near = found.filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }
                .sorted { (LoRAFolder.distance($0, name), $0) < (LoRAFolder.distance($1, name), $1) }
            throw LimnError(
                "\(folder): there is no \(name).txt for __\(name)__"
                    + (near.isEmpty ? "" : "; the nearest are \(near.prefix(5).joined(separator: ", "))"), isUsage: true
            )
        }
        return try TextFile.lines(path)
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): what a seed chooses is the same everywhere.
private struct ChoiceRandom {
    var state: UInt64

    /// From 0 to below 1.
    mutating func next() -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
    }
}

/// Small files of text.
enum TextFile {
    /// Far above what prompts, words and styles take.
    private static let largest = 16 << 20

    /// - Throws: `LimnError` if it cannot be read, is too large, or not UTF-8
    static func text(_ path: String) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { throw LimnError("\(path): there is no such file", isUsage: true) }
        // A pipe would wait for a writer.
        guard status.st_mode & S_IFMT == S_IFREG else { throw LimnError("\(path): this is no file", isUsage: true) }
        let size = Int(status.st_size)
        guard size <= largest else {
            throw LimnError(
                "\(path): this file has more than \(largest >> 20) MiB; it is no list of words", isUsage: true)
        }
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw LimnError("\(path): this file cannot be read")
        }
        guard var text = String(validating: data, as: UTF8.self) else {
            throw LimnError("\(path): this file is not UTF-8; recode it with iconv")
        }
        if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
        return text
    }

    /// Its lines without white space around them, without empty ones and comments (#).
    static func lines(_ path: String) throws -> [String] {
        try numberedLines(path).map(\.text)
    }

    static func numberedLines(_ path: String) throws -> [(number: Int, text: String)] {
        try text(path).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
            .map { ($0 + 1, trimmed($1)) }
            .filter { !$0.1.isEmpty && !$0.1.hasPrefix("#") }
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }
}
