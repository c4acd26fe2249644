/// An embedding that a trainer has put into a LoRA's file (`bundle_emb.<word>.…`), for the two were trained together:
/// OneTrainer writes such files, the webui and ComfyUI read them.
struct BundledEmbedding: Sendable {
    /// What stands in prompts.
    let word: String
    /// Keys of the file, and what they are called in an embedding's own file.
    let keys: [String: String]

    private static let prefix = "bundle_emb."
    private static let vectors = ["clip_l", "clip_g", "emb_params", "emp_params"]

    /// Those of a file, in the order of their words.
    static func all(in source: any TensorSource) -> [BundledEmbedding] {
        var found: [String: [String: String]] = [:]
        for key in source.tensors.keys {
            guard let (word, inner) = parts(key) else { continue }
            found[word, default: [:]][key] = inner
        }
        return found.sorted { $0.key < $1.key }.map { BundledEmbedding(word: $0.key, keys: $0.value) }
    }

    /// nil for keys of another kind. Words may hold dots.
    private static func parts(_ key: String) -> (word: String, inner: String)? {
        guard key.hasPrefix(prefix) else { return nil }
        let rest = key.dropFirst(prefix.count)
        let cut: Range<Substring.Index>?
        if let parameters = rest.firstRange(of: ".string_to_param.") {
            cut = parameters
        } else if let dot = rest.lastIndex(of: "."), vectors.contains(String(rest[rest.index(after: dot)...])) {
            cut = dot..<rest.index(after: dot)
        } else {
            cut = nil
        }
        guard let cut, cut.lowerBound > rest.startIndex else { return nil }
        return (String(rest[..<cut.lowerBound]), String(rest[rest.index(after: cut.lowerBound)...]))
    }

    /// - Throws: `CheckpointError` if it is none
    func read(_ source: any TensorSource) throws -> TextualInversion {
        var embedding = try TextualInversion(try RenamedTensors(path: source.path, [(source, { keys[$0] })]))
        (embedding.name, embedding.isBundled) = (word, true)
        return embedding
    }
}
