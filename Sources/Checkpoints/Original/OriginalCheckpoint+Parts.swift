import Platform

/// How each part's tensors are seen under diffusers' names.
extension OriginalCheckpoint {
    /// Views under the names that they have in diffusers.
    struct Views {
        let source: any TensorSource
        private(set) var all: [String: TensorView] = [:]

        mutating func add(_ name: String, _ view: TensorView) throws {
            if let other = all.updateValue(view, forKey: name) {
                let names = (other.names + view.names).map { quoted($0) }.joined(separator: " and as ")
                throw CheckpointError(
                    path: source.path, tensor: name, problem: "the file has it twice, as \(names)")
            }
        }

        mutating func add(_ name: String, whole key: String) throws {
            try add(name, .whole(key, shape: try source.info(key).shape))
        }
    }

    private static func names(_ keys: [String], without prefix: String) -> Set<String> {
        Set(keys.map { String($0.dropFirst(prefix.count)) })
    }

    static func unet(_ keys: [String], _ source: any TensorSource, averages: Set<String>?) throws -> Views {
        var views = Views(source: source)
        let table = UNetNames(original: names(keys, without: unetPrefix)).table
        for key in keys {
            // A name without a place stays what it is, and is then left over when the network is built.
            let name = table.diffusers(String(key.dropFirst(unetPrefix.count))) ?? key
            guard let averages else {
                try views.add(name, whole: key)
                continue
            }
            let average = averageName(key)
            guard averages.contains(average) else {
                throw CheckpointError(
                    path: source.path, tensor: key,
                    problem: "the file has averaged weights, but not of this tensor (\(quoted(average))); load it "
                        + "without asking for them")
            }
            try views.add(name, whole: average)
        }
        return views
    }

    /// What pytorch-lightning's `LitEma` calls the average of a parameter: its name without dots, below `model_ema`.
    package static func averageName(_ key: String) -> String {
        averagesPrefix + key.dropFirst("model.".count).filter { $0 != "." }
    }

    static func autoencoder(_ keys: [String], _ source: any TensorSource) throws -> Views {
        var views = Views(source: source)
        let prefix = vaePrefixes.first { prefix in keys.contains { $0.hasPrefix(prefix) } } ?? ""
        try addAutoencoder(keys, prefix: prefix, source, to: &views)
        return views
    }

    private static func addAutoencoder(
        _ keys: [String], prefix: String, _ source: any TensorSource, to views: inout Views
    ) throws {
        let table = AutoencoderNames(original: names(keys.filter { $0.hasPrefix(prefix) }, without: prefix)).table
        for key in keys {
            guard key.hasPrefix(prefix), let name = table.diffusers(String(key.dropFirst(prefix.count))) else {
                try views.add(key, whole: key)
                continue
            }
            var shape = try source.info(key).shape
            // Some writers of old have a third dimension of 1, most have two.
            if AutoencoderNames.isAttentionMatrix(name), shape.count > 2, shape.dropFirst(2).allSatisfy({ $0 == 1 }) {
                shape = Array(shape.prefix(2))
            }
            try views.add(name, .whole(key, shape: shape))
        }
    }

    /// The autoencoder of a file that has one under its original names: alone, with or without a prefix, or as a part of
    /// a whole checkpoint. nil if there is none.
    package static func autoencoder(in source: any TensorSource) throws -> ViewedTensors? {
        let prefix = (vaePrefixes + [""]).first { source.tensors["\($0)decoder.norm_out.weight"] != nil }
        guard let prefix else { return nil }
        let isWhole = isOriginal(source.tensors.keys)
        let keys = source.tensors.keys.filter { key in
            isWhole ? key.hasPrefix(prefix) : !HarmlessNames.contain(key) && !HarmlessNames.containInAutoencoder(key)
        }.sorted()
        var views = Views(source: source)
        try addAutoencoder(keys, prefix: prefix, source, to: &views)
        return try ViewedTensors(source, views.all)
    }

    /// An encoder with transformers' names, be it CLIP's own or an OpenCLIP that was renamed.
    ///
    /// - Returns: the views, and the keys of Stable Diffusion 2's last layer, which is left out
    static func clip(
        _ encoder: Encoder, _ source: any TensorSource, _ kind: TextEncoderKind
    ) throws -> (Views, unused: [String]) {
        var views = Views(source: source)
        var unused: [String] = []
        let isStableDiffusion2 = kind == .openCLIP && encoder.prefix == "cond_stage_model.transformer."
        for key in encoder.keys {
            let name = String(key.dropFirst(encoder.prefix.count))
            if name == "text_model." + OpenCLIPNames.projection, !isStableDiffusion2 {
                try views.add(OpenCLIPNames.diffusersProjection, .transposed(key))
                continue
            }
            if isStableDiffusion2,
                name.hasPrefix("text_model.encoder.layers.23.") || name == "text_model." + OpenCLIPNames.projection
            {
                unused.append(key)
                continue
            }
            // Files from before transformers 4 have no `text_model` level.
            let isBare = !name.hasPrefix("text_model.") && !name.hasPrefix("text_projection.")
            try views.add(isBare ? "text_model." + name : name, whole: key)
        }
        return (views, unused)
    }

    /// - Parameter dropsLast: the last layer of the published file is left out, as diffusers does, for nothing is ever
    ///   read from it
    /// - Returns: the views, and the keys of the layer that was left out
    static func openCLIP(
        _ encoder: Encoder, _ source: any TensorSource, dropsLast: Bool
    ) throws -> (Views, unused: [String]) {
        let original = names(encoder.keys, without: encoder.prefix)
        var openCLIP = OpenCLIPNames(original: original)
        var unused: [String] = []
        // diffusers writes the file back without the layer, and without the projection.
        let isWhole = original.contains(OpenCLIPNames.projection) || openCLIP.layers == 24
        if dropsLast, isWhole, openCLIP.layers > 1 {
            openCLIP.layers -= 1
            let last = encoder.prefix + "transformer.resblocks.\(openCLIP.layers)."
            unused = encoder.keys.filter {
                $0.hasPrefix(last) || $0 == encoder.prefix + OpenCLIPNames.projection
            }
        }
        var views = Views(source: source)
        let unusedNames = Set(unused)
        let table = openCLIP.table
        let fused = Dictionary(uniqueKeysWithValues: openCLIP.fused.map { ($0.original, $0.diffusers) })
        for key in encoder.keys where !unusedNames.contains(key) {
            let name = String(key.dropFirst(encoder.prefix.count))
            if name == OpenCLIPNames.projection {
                try views.add(OpenCLIPNames.diffusersProjection, .transposed(key))
            } else if let parts = fused[name] {
                let info = try source.info(key)
                guard let rows = info.shape.first, rows > 0, rows % parts.count == 0 else {
                    throw CheckpointError(
                        path: source.path, tensor: key,
                        problem: "its shape is \(info.shape), but queries, keys and values in one were expected")
                }
                let each = rows / parts.count
                for (index, part) in parts.enumerated() {
                    try views.add(part, .rows(key, index * each..<(index + 1) * each))
                }
            } else {
                try views.add(table.diffusers(name) ?? key, whole: key)
            }
        }
        return (views, unused)
    }
}
