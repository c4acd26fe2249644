import Platform

/// The weights and notes in what a checkpoint's pickle describes.
struct PickledContents {
    /// No network has so many tensors; they are counted since each has a name of its own.
    static let tensorLimit = 65_536
    static let nameLimit = 256
    static let depthLimit = 8

    private(set) var tensors: [String: PickledTensor] = [:]
    /// Numbers and short texts that stand beside the tensors.
    private(set) var notes: [String: String] = [:]

    /// Takes what lies under `state_dict`, where there is that, as loaders of checkpoints do; otherwise everything,
    /// with the keys of dictionaries in dictionaries joined by dots.
    ///
    /// - Throws: `CheckpointError` if there is no tensor, or what no checkpoint would have
    init(_ root: PickleValue, in values: PickleValues, path: String) throws {
        func failure(_ problem: String) -> CheckpointError { CheckpointError(path: path, problem: problem) }
        for (key, value) in values.members(root) ?? [] {
            guard let key = key.text, notes.count < 100, let note = Self.note(value) else { continue }
            notes[String(key.prefix(Self.nameLimit))] = note
        }
        var start = root
        if let inner = values.member("state_dict", of: root), case .dictionary = inner { start = inner }

        // Each dictionary is read once, however often the others speak of it.
        guard case .dictionary(let first) = start else { throw failure("there is no dictionary of tensors in it") }
        var seen: Set<Int> = [first]
        var waiting: [(prefix: String, dictionary: Int, depth: Int)] = [("", first, 0)]
        while let (prefix, index, depth) = waiting.popLast() {
            for (key, value) in values.dictionaries[index] {
                guard let key = key.text ?? key.integer.map(String.init) else { continue }
                let name = prefix + key
                switch value {
                case .tensor(let tensor):
                    guard name.utf8.count <= Self.nameLimit else {
                        throw failure("the tensor \(quoted(name)) has a name that is longer than any in use")
                    }
                    tensors[name] = values.tensors[tensor]
                    guard tensors.count <= Self.tensorLimit else {
                        throw failure("it has more than \(Self.tensorLimit) tensors, more than any checkpoint")
                    }
                case .dictionary(let inner) where depth < Self.depthLimit && name.utf8.count < Self.nameLimit:
                    guard seen.count < Self.tensorLimit else {
                        throw failure("it has more than \(Self.tensorLimit) dictionaries, more than any checkpoint")
                    }
                    if seen.insert(inner).inserted { waiting.append((name + ".", inner, depth + 1)) }
                default: break
                }
            }
        }
        guard !tensors.isEmpty else {
            throw failure("there are no tensors in it, at least not in a dictionary, where checkpoints have them")
        }
    }

    private static func note(_ value: PickleValue) -> String? {
        switch value {
        case .text(let text): text.utf8.count <= nameLimit ? text : nil
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .bool(let value): String(value)
        default: nil
        }
    }
}
