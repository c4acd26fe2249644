/// The way back: a model's parts under the names of the original code.
package struct OriginalNames: Sendable {
    package let family: OriginalCheckpoint.Family

    package init(_ family: OriginalCheckpoint.Family) { self.family = family }

    /// - Parameter source: a part under the names that it has in diffusers, text encoders with the `text_model` level
    /// - Throws: `CheckpointError` naming a tensor for which the original code has no place
    package func part(_ part: CheckpointPart, _ source: any TensorSource) throws -> ViewedTensors {
        switch part {
        case .unet: return try unet(source)
        case .vae: return try autoencoder(source)
        case .textEncoder, .textEncoder2:
            let (prefix, kind) = textEncoder(part)
            return kind == .clip ? try clip(source, prefix) : try openCLIP(source, prefix)
        }
    }

    private func textEncoder(_ part: CheckpointPart) -> (prefix: String, kind: TextEncoderKind) {
        switch (family, part) {
        case (.sd1, _): ("cond_stage_model.transformer.", .clip)
        case (.sd2, _): ("cond_stage_model.model.", .openCLIP)
        case (.xlRefiner, _): ("conditioner.embedders.0.model.", .openCLIP)
        case (.xlBase, .textEncoder2): ("conditioner.embedders.1.model.", .openCLIP)
        case (.xlBase, _): ("conditioner.embedders.0.transformer.", .clip)
        }
    }

    private func noPlace(_ key: String, _ source: any TensorSource) -> CheckpointError {
        CheckpointError(
            path: source.path, tensor: key,
            problem: "there is no such tensor in the original form of a checkpoint; write a folder instead")
    }

    private func renamed(
        _ source: any TensorSource, _ prefix: String, _ table: NameTable,
        shape: (String, [Int]) -> [Int] = { $1 }
    ) throws -> [String: TensorView] {
        var views: [String: TensorView] = [:]
        for (key, info) in source.tensors {
            guard let name = table.original(key) else { throw noPlace(key, source) }
            views[prefix + name] = .whole(key, shape: shape(key, info.shape))
        }
        return views
    }

    private func unet(_ source: any TensorSource) throws -> ViewedTensors {
        let table = UNetNames(diffusers: Set(source.tensors.keys)).table
        return try ViewedTensors(source, try renamed(source, OriginalCheckpoint.unetPrefix, table))
    }

    private func autoencoder(_ source: any TensorSource) throws -> ViewedTensors {
        let table = AutoencoderNames(diffusers: Set(source.tensors.keys)).table
        return try ViewedTensors(
            source,
            try renamed(source, OriginalCheckpoint.vaePrefixes[0], table) { key, shape in
                AutoencoderNames.isAttentionMatrix(key) && shape.count == 2 ? shape + [1, 1] : shape
            })
    }

    private func clip(_ source: any TensorSource, _ prefix: String) throws -> ViewedTensors {
        try ViewedTensors(
            source,
            Dictionary(
                uniqueKeysWithValues: source.tensors.map { (prefix + $0.key, .whole($0.key, shape: $0.value.shape)) }))
    }

    private func openCLIP(_ source: any TensorSource, _ prefix: String) throws -> ViewedTensors {
        let keys = Set(source.tensors.keys)
        let layers = (0...keys.count).first { !keys.contains("text_model.encoder.layers.\($0).layer_norm1.weight") }
        let names = OpenCLIPNames(layers: layers ?? 0)
        var views: [String: TensorView] = [:]
        var joined: Set<String> = []
        for (original, parts) in names.fused where parts.allSatisfy(keys.contains) {
            views[prefix + original] = .joined(parts)
            joined.formUnion(parts)
        }
        let table = names.table
        for key in keys.subtracting(joined) {
            if key == OpenCLIPNames.diffusersProjection {
                // The text encoder of Stable Diffusion 2 has none in diffusers; a stray one would look like the
                // published file, of which the last layer is left out.
                guard family != .sd2 else { throw noPlace(key, source) }
                views[prefix + OpenCLIPNames.projection] = .transposed(key)
            } else if let name = table.original(key), let info = source.tensors[key] {
                views[prefix + name] = .whole(key, shape: info.shape)
            } else {
                throw noPlace(key, source)
            }
        }
        return try ViewedTensors(source, views)
    }
}

extension OriginalCheckpoint {
    /// The names that a part's tensors have in diffusers today, whatever spelling a folder has: text encoders with the
    /// `text_model` level, the autoencoder's attention as since 0.12.
    package static func current(_ part: CheckpointPart, _ source: any TensorSource) throws -> any TensorSource {
        var views: [String: TensorView] = [:]
        for (key, info) in source.tensors {
            var name = key
            switch part {
            case .unet: break
            case .vae: name = KeyRules.autoencoder.canonical(key)
            case .textEncoder, .textEncoder2:
                if key.hasSuffix("embeddings.position_ids") { continue }
                let isBare = ["embeddings.", "encoder.layers.", "final_layer_norm."].contains(where: key.hasPrefix)
                // Other encoders than CLIP's keep theirs.
                if isBare, source.tensors["final_layer_norm.weight"] != nil { name = "text_model." + key }
            }
            let shape =
                part == .vae && AutoencoderNames.isAttentionMatrix(name) ? Array(info.shape.prefix(2)) : info.shape
            guard views.updateValue(.whole(key, shape: shape), forKey: name) == nil else {
                throw CheckpointError(path: source.path, tensor: name, problem: "the file has it twice")
            }
        }
        return try ViewedTensors(source, views)
    }
}
