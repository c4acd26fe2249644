import Platform

/// One LoRA's file: its tensors, gathered by the module that they change.
struct LoRAFile: Sendable {
    /// The tensors of one module.
    struct Group: Sendable {
        let part: String?
        /// With "_" in place of every ".".
        let module: String
        /// What there is for it, by its role; keys of the file.
        var keys: [LoRAKey.Role: String] = [:]
    }

    let source: any TensorSource
    let groups: [Group]
    /// Embeddings that came with it.
    let embeddings: [BundledEmbedding]
    /// Keys of no kind that is known here.
    let unknown: [String]
    let alphas: LoRAMetadata

    var path: String { source.path }

    /// - Parameter path: a file, or a folder with one of diffusers' or PEFT's names in it
    /// - Throws: `CheckpointError` if the file cannot be read, or has two tensors for one purpose
    init(path: String) throws {
        let source = try openLoRA(path)
        let config = joined(parentFolder(source.path), "adapter_config.json")
        let alphas =
            source.path.hasSuffix("adapter_model.safetensors") && isFile(config)
            ? try LoRAMetadata(adapterConfig: config)
            : try LoRAMetadata((source as? SafetensorsFile)?.metadata ?? [:], path: source.path)
        try self.init(source, alphas: alphas)
    }

    private init(_ source: any TensorSource, alphas: LoRAMetadata) throws {
        var groups: [String: Group] = [:]
        var unknown: [String] = []
        let embeddings = BundledEmbedding.all(in: source)
        let bundled = Set(embeddings.flatMap(\.keys.keys))
        // Sorted, so that messages do not depend on the hash seed.
        for name in source.tensors.keys.sorted() where !bundled.contains(name) {
            guard let key = LoRAKey(name) ?? Self.inputFactors(name, source) else {
                unknown.append(name)
                continue
            }
            let place = "\(key.part ?? "") \(key.module)"
            if let other = groups[place]?.keys[key.role] {
                throw CheckpointError(
                    path: source.path, tensor: name,
                    problem: "\(quoted(other)) says the same of the same module; one of them must go")
            }
            groups[place, default: Group(part: key.part, module: key.module)].keys[key.role] = name
        }
        self.source = source
        self.groups = groups.sorted { $0.key < $1.key }.map(\.value)
        self.embeddings = embeddings
        self.unknown = unknown
        self.alphas = alphas
    }

    /// (IA)³'s factors are called like any weight; what they are, the tensor beside them tells.
    private static func inputFactors(_ name: String, _ source: any TensorSource) -> LoRAKey? {
        guard name.hasSuffix(".weight") else { return nil }
        let module = name.dropLast(".weight".count)
        return source.tensors[module + ".on_input"] == nil ? nil : LoRAKey(module: module, .ia3Weight)
    }

    func shape(_ group: Group, _ role: LoRAKey.Role) -> [Int]? {
        group.keys[role].flatMap { source.tensors[$0]?.shape }
    }

    /// Channels of the texts that the model was made for, as the LoRA's cross-attention shows; empty if it has none.
    var textWidths: Set<Int> {
        Set(
            groups.compactMap { group in
                guard group.module.hasSuffix("attn2_to_k") || group.module.hasSuffix("attn2_to_v") else { return nil }
                if let shape = shape(group, .down) ?? shape(group, .hadaW1B) ?? shape(group, .difference) {
                    return shape.count >= 2 ? shape[1] : nil
                }
                guard let first = shape(group, .lokrW1) ?? shape(group, .lokrW1B), first.count >= 2,
                    let second = shape(group, .lokrW2) ?? shape(group, .lokrW2B), second.count >= 2
                else { return nil }
                return first[1].multipliedReportingOverflow(by: second[1]).partialValue
            })
    }

    /// Whether it was made for a diffusion transformer (Flux, Stable Diffusion 3) instead of a UNet.
    var isForTransformer: Bool {
        let signs = [
            "transformer.", "lora_transformer_", "lora_unet_double_blocks_", "lora_unet_single_blocks_",
            "lora_unet_joint_blocks_", "diffusion_model.double_blocks.", "diffusion_model.joint_blocks.",
        ]
        return source.tensors.keys.contains { key in signs.contains(where: key.hasPrefix) }
    }
}

/// Opens a LoRA's file, of any format that weights come in.
///
/// - Parameter path: a file, or a folder with one of diffusers' or PEFT's names in it
package func openLoRA(_ path: String) throws -> any TensorSource {
    let inFolder = ["pytorch_lora_weights.safetensors", "adapter_model.safetensors"].map { joined(path, $0) }
    return try openTensors(file: inFolder.first(where: isFile) ?? path)
}
