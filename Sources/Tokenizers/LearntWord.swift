/// The name of an embedding (textual inversion) in prompts, and how many tokens it stands for.
package struct LearntToken: Sendable, Equatable {
    /// As the file tells it, and as prompts have it that are read as they are.
    package let name: String
    package let count: Int
    /// The file, by whose name the webui and ComfyUI call it.
    package let file: String

    package init(name: String, count: Int, file: String? = nil) {
        (self.name, self.count, self.file) = (name, count, file ?? name)
    }
}

/// An embedding that a tokenizer knows, with the ids of its tokens.
package struct LearntWord: Sendable {
    package let token: LearntToken
    package let ids: [Int]

    /// The tokens, to be called `name`, `name_1`, ….
    package func tokens(weight: Double) -> [WeightedToken] {
        let name = EmbeddingName.stem(of: token.file)
        return ids.enumerated().map { index, id in
            WeightedToken(id: id, piece: index == 0 ? name : "\(name)_\(index)", weight: weight)
        }
    }
}

/// The names by which prompts and folders call an embedding's file.
package enum EmbeddingName {
    /// In the order in which ComfyUI looks for them.
    package static let endings = [".safetensors", ".pt", ".bin"]

    /// A file's own name without its ending.
    package static func stem(of path: String) -> String {
        let last = path.split(whereSeparator: isSlash).last.map(String.init) ?? path
        return withoutEnding(last)
    }

    /// Whether a name means a file: its path, or the end of it, with the ending or without.
    package static func matches(_ name: String, _ path: String, ignoringCase: Bool = false) -> Bool {
        func parts(_ text: String) -> [String] {
            text.split(whereSeparator: isSlash).map { ignoringCase ? $0.lowercased() : String($0) }
        }
        let (name, path) = (parts(name), parts(path))
        guard let last = path.last, !name.isEmpty, name.count <= path.count else { return false }
        let end = path.suffix(name.count)
        return end.elementsEqual(name) || (end.dropLast() + [withoutEnding(last)]).elementsEqual(name)
    }

    private static func withoutEnding(_ name: String) -> String {
        endings.first { name.lowercased().hasSuffix($0) }.map { String(name.dropLast($0.count)) } ?? name
    }

    /// Windows' too, for pictures come from there.
    private static func isSlash(_ character: Character) -> Bool { character == "/" || character == "\\" }
}
