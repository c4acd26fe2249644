import Checkpoints
import FoundationEssentials

extension ModelParts {
    /// The same parts, whose weights are changed by LoRAs when they are read.
    ///
    /// - Parameter isLenient: whether keys that find no place in the model are left out instead of being an error
    /// - Returns: also what was left out, in sentences, and embeddings that came with the LoRAs
    package func merging(
        _ loras: [LoRA], _ description: ModelDescription, isLenient: Bool
    ) throws -> (parts: ModelParts, warnings: [String], embeddings: [TextualInversion]) {
        guard !loras.isEmpty else { return (self, [], []) }
        var networks: [String: LoRAMerge.Network] = [:]
        for (part, rules) in [(.unet, .none)] + description.texts.map({ ($0.part, $0.config.rules) }) {
            networks[part.rawValue] = sources[part].map { LoRAMerge.Network(source: $0, rules: rules) }
        }
        let merge = try LoRAMerge(
            loras.map { LoRAMerge.Item(path: $0.path, strength: $0.weight, unetStrength: $0.unetWeight) },
            into: networks, isLenient: isLenient)
        var merged = self
        for part in Part.allCases {
            if let source = merge.sources[part.rawValue] { merged.change([part: source]) }
        }
        return (merged, merge.warnings, merge.embeddings)
    }
}

/// A LoRA as it is written into a picture.
struct StoredLoRA: Codable, Equatable, Sendable {
    var path: String
    var weight: Float
    /// nil: the same.
    var unetWeight: Float?
    var fingerprint: String

    init(_ lora: LoRA) throws {
        (path, weight, unetWeight) = (lora.path, lora.weight, lora.unetWeight)
        fingerprint = try Self.fingerprint(lora.path)
    }

    /// Over names, shapes, types and the first bytes of all tensors.
    static func fingerprint(_ path: String) throws -> String {
        var hash = FNV1a()
        hash.add(try openLoRA(path), prefix: "")
        return hash.text
    }

    /// As the webui has it in prompts.
    var tag: String {
        let weights = [weight, unetWeight].compactMap { $0 }.map { Int(exactly: $0).map(String.init) ?? "\($0)" }
        return "<lora:\(LoRA.stem(path)):\(weights.joined(separator: ":"))>"
    }
}

extension FNV1a {
    /// Names, shapes and types of all tensors and the first bytes of each.
    mutating func add(_ source: any TensorSource, prefix: String) {
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { self.add(byte: byte) }
        }
        for name in source.tensors.keys.sorted() {
            guard let info = source.tensors[name] else { continue }
            add("\(prefix)\(name) \(info.dtype.rawValue) \(info.shape)".utf8)
            try? source.withBytes(of: name) { add($0.prefix(64)) }
        }
    }
}

extension Recipe {
    /// The LoRAs that the picture was drawn with, where they are now: at the path that the file tells, or in a folder
    /// under the same name.
    ///
    /// - Returns: also what is not as it was, in sentences
    /// - Throws: `LimnError` naming the one that is missing
    public func loras(in folder: LoRAFolder? = nil) throws -> (loras: [LoRA], warnings: [String]) {
        var warnings: [String] = []
        let loras = try storedLoRAs.map { stored in
            var path = stored.path
            if !FileManager.default.fileExists(atPath: path) {
                guard let found = try? folder?.file(named: LoRA.stem(path)) else {
                    throw LimnError(
                        "to draw this again, the LoRA \(path) is needed, which is not there; give its folder with "
                            + "--lora-dir, or others with --lora", isUsage: true)
                }
                path = found
            }
            if try withLimnErrors({ try StoredLoRA.fingerprint(path) }) != stored.fingerprint {
                warnings.append("\(path) is not the LoRA that the picture was drawn with, so the result will differ")
            }
            return LoRA(path: path, weight: stored.weight, unetWeight: stored.unetWeight)
        }
        return (loras, warnings)
    }
}
