import Platform

/// A learnt word (Gal et al. 2022, "An Image is Worth One Word"): vectors that take the place of a text encoder's own
/// wherever the word stands in a prompt.
///
/// Read from any of the forms in use: diffusers' one tensor under the word's name; the webui's, which has `name` and
/// `string_to_param`, or one tensor `emb_params` in a file that is called by the word (OneTrainer's `emp_params`); and
/// `clip_l` with `clip_g`, one for each text encoder of Stable Diffusion XL.
package struct TextualInversion: Sendable {
    package let path: String
    /// What stands in prompts.
    package internal(set) var name: String
    /// Whether it lies in a LoRA's file, so that no program calls it by the file's name.
    package internal(set) var isBundled = false
    /// How many tokens the word takes.
    package let count: Int
    /// Row by row; under a text encoder's part where each has its own, otherwise under "".
    private let vectors: [String: [[Float]]]

    /// The most vectors of a word, more than any prompt has room for.
    private static let countLimit = 1000
    private static let parts = ["clip_l": "text_encoder", "clip_g": "text_encoder_2"]
    /// Names of the tensor alone: the word is told elsewhere.
    private static let placeholders: Set<String> = ["emb_params", "emp_params", "*"]

    /// - Throws: `CheckpointError` if the file cannot be opened, or holds no such thing
    package init(path: String) throws {
        try self.init(try openTensors(file: path))
    }

    init(_ source: any TensorSource) throws {
        path = source.path
        let keys = source.tensors.keys.sorted()
        let parameters = keys.filter { $0.hasPrefix("string_to_param.") }
        // The web UI's older form tells the word beside the tensors. Metadata of safetensors may call anything a name.
        let name = parameters.isEmpty ? nil : source.notes["name"]
        let perEncoder = keys.filter { Self.parts[$0] != nil }
        let stem = Self.stem(of: source.path)
        var vectors: [String: [[Float]]] = [:]
        if !perEncoder.isEmpty, perEncoder.count == keys.count {
            for key in keys { vectors[Self.parts[key] ?? ""] = try Self.rows(source, key) }
            self.name = name ?? stem
        } else if let key = parameters.first, parameters.count == 1 {
            vectors[""] = try Self.rows(source, key)
            self.name = name ?? stem
        } else if let key = keys.first, keys.count == 1 {
            vectors[""] = try Self.rows(source, key)
            self.name = Self.placeholders.contains(key) ? name ?? stem : key
        } else {
            throw CheckpointError(
                path: source.path,
                problem: "it is no embedding (textual inversion): one tensor under the word's name, "
                    + "string_to_param, or clip_l and clip_g were expected, but there are \(listed(keys))")
        }
        let counts = Set(vectors.values.map(\.count))
        guard counts.count == 1, let count = counts.first else {
            throw CheckpointError(path: source.path, problem: "clip_l and clip_g have different numbers of vectors")
        }
        (self.count, self.vectors) = (count, vectors)
    }

    /// The vectors for a text encoder.
    ///
    /// - Parameters:
    ///   - part: "text_encoder" or "text_encoder_2"
    ///   - width: of the encoder's own vectors
    /// - Throws: `CheckpointError` if the word was learnt for another model
    package func vectors(for part: String, width: Int) throws -> [[Float]] {
        guard let rows = vectors[part] ?? vectors[""] else {
            throw CheckpointError(
                path: path, problem: "the embedding \(quoted(name)) has no vectors for the model's \(part)")
        }
        let own = rows.first?.count ?? 0
        guard own == width else {
            throw CheckpointError(
                path: path,
                problem: "the embedding \(quoted(name)) has vectors of \(own) values, but the model's \(part) takes "
                    + "\(width); it was made for another model")
        }
        return rows
    }

    /// All of its numbers, in an order of their own.
    package var values: [Float] { vectors.sorted { $0.key < $1.key }.flatMap { $0.value.joined() } }

    private static func stem(of path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        return file.lastIndex(of: ".").map { String(file[..<$0]) } ?? String(file)
    }

    private static func rows(_ source: any TensorSource, _ key: String) throws -> [[Float]] {
        func failure(_ problem: String) -> CheckpointError {
            CheckpointError(path: source.path, tensor: key, problem: problem)
        }
        guard let shape = source.tensors[key]?.shape, (1...2).contains(shape.count), let width = shape.last,
            (1...16384).contains(width), (1...countLimit).contains(shape.count == 2 ? shape[0] : 1)
        else { throw failure("it is no list of 1 to \(countLimit) vectors") }
        return try source.withFloat32(key) { values in
            guard values.allSatisfy(\.isFinite) else { throw failure("it holds numbers that are not finite") }
            return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
        }
    }
}
