import Platform

/// The scales that diffusers and PEFT write into a file's notes (`lora_adapter_metadata`) instead of `alpha` tensors:
/// for each network `lora_alpha`, exceptions in `alpha_pattern`, and whether the scale is alpha/√rank (`use_rslora`).
struct LoRAMetadata: Sendable {
    private struct Network: Sendable {
        var alpha: Double?
        var patterns: [(module: String, alpha: Double)] = []
        var usesRoot = false
    }

    private var networks: [String: Network] = [:]

    /// The notes in the LoRA's own file.
    ///
    /// - Throws: `CheckpointError` if the notes are there, but not as they should be
    init(_ metadata: [String: String], path: String) throws {
        guard let text = metadata["lora_adapter_metadata"] else { return }
        try Array(text.utf8).withUnsafeBytes { bytes in
            try read(bytes, path: path, subject: "lora_adapter_metadata") { key in
                let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }
        }
    }

    /// PEFT's `adapter_config.json`, which lies beside the file of an adapter.
    init(adapterConfig path: String) throws {
        let file = try MappedFile(path: path)
        guard file.count <= 1 << 22 else {
            throw CheckpointError(path: path, problem: "it has \(file.count) bytes, more than a configuration can need")
        }
        try file.withBytes { try read($0, path: path, subject: "text") { (Self.everyNetwork, $0) } }
    }

    private static let everyNetwork = "*"

    /// - Parameter split: the network and the name of a key; nil if it is of no interest
    private mutating func read(
        _ bytes: UnsafeRawBufferPointer, path: String, subject: String,
        _ split: (String) -> (network: String, name: String)?
    ) throws {
        var networks: [String: Network] = [:]
        var scanner = JSONScanner(bytes, path: path, subject: subject)
        try scanner.object("the notes") { scanner, key in
            guard let (network, name) = split(key) else { return try scanner.skipValue() }
            switch name {
            case "lora_alpha": networks[network, default: Network()].alpha = try scanner.number(key)
            case "use_rslora": networks[network, default: Network()].usesRoot = try scanner.bool(key)
            case "alpha_pattern":
                try scanner.object(key) { scanner, module in
                    let alpha = try scanner.number(module)
                    networks[network, default: Network()].patterns.append((LoRAKey.flattened(module), alpha))
                }
            default: try scanner.skipValue()
            }
        }
        try scanner.finish()
        self.networks = networks
    }

    /// What a module's product is multiplied with; 1 where the notes say nothing.
    func scale(part: String, module: String, rank: Int) -> Double {
        guard let network = networks[part] ?? networks[Self.everyNetwork] else { return 1 }
        let own = network.patterns.first { $0.module == module || module.hasSuffix("_" + $0.module) }?.alpha
        guard let alpha = own ?? network.alpha else { return 1 }
        return alpha / (network.usesRoot ? Double(rank).squareRoot() : Double(rank))
    }
}
