/// A prompt's text as ComfyUI cuts it.
enum ComfyWords {
    static func parts(of text: String) -> [String] {
        text.unicodeScalars.split { $0 == " " || $0 == "\n" }.map { String($0) }
    }
}

/// ComfyUI's mark of an embedding, `embedding:name`, a word of the prompt of its own; read as `_try_get_embedding` in its
/// sd1_clip.py does. The name is that of a file, with its ending or without, perhaps with folders before it.
package struct ComfyMarker: Sendable, Equatable {
    private static let sign = "embedding:"

    /// Without the commas at its ends.
    package let name: String
    /// As it is written.
    private let written: String
    /// What stands behind a space of another kind.
    private let rest: String

    /// nil if the word is no mark.
    init?(_ word: String) {
        guard word.unicodeScalars.starts(with: Self.sign.unicodeScalars) else { return nil }
        let text = String(word.unicodeScalars.dropFirst(Self.sign.unicodeScalars.count))
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: true, whereSeparator: \.isWhitespace)
        written = parts.first.map(String.init) ?? ""
        rest = parts.count > 1 ? String(parts[1]) : ""
        name = String(written.drop { $0 == "," }.reversed().drop { $0 == "," }.reversed())
    }

    /// Looks for the file: first with commas, which may be the name's, then without them.
    ///
    /// - Returns: what was found, and the text that is left of the word; as in ComfyUI, as many signs of it as the name
    ///   has are taken from its front, wherever the commas are
    func resolve<Found>(_ find: (String) -> Found?) -> (found: Found?, rest: String) {
        if let found = find(written) { return (found, rest) }
        guard name != written else { return (nil, rest) }
        let left = String(written.dropFirst(name.count))
        return (find(name), rest.isEmpty ? left : left + " " + rest)
    }

    /// The names of the embeddings that a prompt asks for, each with and without the commas at its ends.
    ///
    /// - Throws: `PromptError`
    package static func names(in prompt: String) throws -> [String] {
        var names: [String] = []
        for stretch in try ComfyWeights.parse(prompt) {
            for case let marker? in ComfyWords.parts(of: stretch.text).map(ComfyMarker.init) {
                for name in [marker.written, marker.name] where !name.isEmpty && !names.contains(name) {
                    names.append(name)
                }
            }
        }
        return names
    }
}
