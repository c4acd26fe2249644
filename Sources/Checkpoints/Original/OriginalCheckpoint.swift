/// The parts of a model as diffusers calls them: the names of its folders.
package enum CheckpointPart: String, CaseIterable, Sendable {
    case textEncoder = "text_encoder"
    case textEncoder2 = "text_encoder_2"
    case unet
    case vae
}

/// What kind of text encoder a part is; its names differ.
package enum TextEncoderKind: Sendable { case clip, openCLIP }

/// A whole model in one file, with the names of the original code of Stable Diffusion: every tensor's part, and its
/// name in diffusers. Nothing but names and shapes is looked at.
package struct OriginalCheckpoint: Sendable {
    /// Which text encoders a model listens to, which is what tells the families apart.
    package enum Family: Sendable, Equatable {
        /// CLIP's text model.
        case sd1
        /// OpenCLIP's, of which all layers but the last are used.
        case sd2
        /// Both, side by side.
        case xlBase
        /// OpenCLIP's alone, with pooled text.
        case xlRefiner
    }

    package let source: any TensorSource
    /// nil if there is no text encoder.
    package let family: Family?
    package let parts: [CheckpointPart: ViewedTensors]
    package let encoders: [CheckpointPart: TextEncoderKind]
    /// Tensors that no model needs: noise schedules, averages of weights, counters.
    package let harmless: [String]
    /// Tensors of the last layer of Stable Diffusion 2's text encoder, which is never run.
    package let unusedLayer: [String]
    /// Tensors that belong to nothing that is known.
    package let unknown: [String]
    /// Whether there are averaged weights (EMA) beside the last ones.
    package let hasAverages: Bool

    /// Whether these are the names of such a file.
    package static func isOriginal(_ names: some Sequence<String>) -> Bool {
        names.contains { $0.hasPrefix(unetPrefix) }
    }

    static let unetPrefix = "model.diffusion_model."
    static let averagesPrefix = "model_ema."
    static let vaePrefixes = ["first_stage_model.", "vae."]
    private static let encoderPrefixes: [(prefix: String, part: CheckpointPart, kind: TextEncoderKind)] = [
        ("cond_stage_model.transformer.", .textEncoder, .clip),
        ("cond_stage_model.model.", .textEncoder, .openCLIP),
        ("conditioner.embedders.0.transformer.", .textEncoder, .clip),
        ("conditioner.embedders.1.model.", .textEncoder2, .openCLIP),
        // The refiner's only one; diffusers counts it as the second.
        ("conditioner.embedders.0.model.", .textEncoder2, .openCLIP),
    ]

    /// - Parameter prefersAverages: take the averaged weights of the UNet where there are any, as diffusers does when
    ///   asked to `extract_ema`
    /// - Throws: `CheckpointError` if two tensors have the same name in diffusers, or one has a shape that its place
    ///   does not allow
    package init(_ source: any TensorSource, prefersAverages: Bool = false) throws {
        var sorted = Sorting()
        for key in source.tensors.keys.sorted() { sorted.add(key) }
        // diffusers believes in averages from a hundred on; a few may be left over from another model.
        hasAverages = sorted.averages.count > 100
        var views: [CheckpointPart: Views] = [:]
        views[.unet] = try Self.unet(
            sorted.unet, source, averages: prefersAverages && hasAverages ? sorted.averages : nil)
        views[.vae] = try Self.autoencoder(sorted.vae, source)
        var unused: [String] = []
        for (part, encoder) in sorted.encoders {
            switch encoder.kind {
            case .clip: views[part] = try Self.clip(encoder, source)
            case .openCLIP:
                let isPenultimate = encoder.prefix == "cond_stage_model.model."
                let (found, rest) = try Self.openCLIP(encoder, source, dropsLast: isPenultimate)
                views[part] = found
                unused += rest
            }
        }
        parts = try views.mapValues { try ViewedTensors(source, $0.all) }
        (self.source, encoders) = (source, sorted.encoders.mapValues(\.kind))
        (harmless, unusedLayer, unknown) = (sorted.harmless, unused.sorted(), sorted.unknown)
        family = sorted.family
    }

    // MARK: Sorting

    /// One text encoder's tensors.
    private struct Encoder {
        let prefix: String
        let kind: TextEncoderKind
        var keys: [String] = []
    }

    /// The file's names, part by part.
    private struct Sorting {
        var unet: [String] = []
        var vae: [String] = []
        var encoders: [CheckpointPart: Encoder] = [:]
        var averages: Set<String> = []
        var harmless: [String] = []
        var unknown: [String] = []

        mutating func add(_ key: String) {
            if key.hasPrefix(averagesPrefix) {
                averages.insert(key)
                harmless.append(key)
            } else if HarmlessNames.contain(key) {
                harmless.append(key)
            } else if key.hasPrefix(unetPrefix) {
                unet.append(key)
            } else if vaePrefixes.contains(where: key.hasPrefix) {
                vae.append(key)
            } else if let (prefix, part, kind) = encoderPrefixes.first(where: { key.hasPrefix($0.prefix) }),
                encoders[part].map({ $0.prefix == prefix }) ?? true
            {
                encoders[part, default: Encoder(prefix: prefix, kind: kind)].keys.append(key)
            } else {
                unknown.append(key)
            }
        }

        var family: Family? {
            switch (encoders[.textEncoder]?.kind, encoders[.textEncoder2]?.kind) {
            case (.clip, .openCLIP): .xlBase
            case (nil, .openCLIP): .xlRefiner
            case (.clip, nil): .sd1
            case (.openCLIP, nil): .sd2
            default: nil
            }
        }
    }

    // MARK: Parts

    /// Views under the names that they have in diffusers.
    private struct Views {
        let source: any TensorSource
        private(set) var all: [String: TensorView] = [:]

        mutating func add(_ name: String, _ view: TensorView) throws {
            if let other = all.updateValue(view, forKey: name) {
                let names = (other.names + view.names).map(quoted).joined(separator: " and as ")
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

    private static func unet(_ keys: [String], _ source: any TensorSource, averages: Set<String>?) throws -> Views {
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

    private static func autoencoder(_ keys: [String], _ source: any TensorSource) throws -> Views {
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

    /// A file that holds an autoencoder alone under its original names, with or without a prefix; nil if it does not.
    package static func autoencoder(in source: any TensorSource) throws -> ViewedTensors? {
        let keys = source.tensors.keys.filter { !HarmlessNames.containInAutoencoder($0) }.sorted()
        let prefix = (vaePrefixes + [""]).first { source.tensors["\($0)decoder.norm_out.weight"] != nil }
        guard let prefix else { return nil }
        var views = Views(source: source)
        try addAutoencoder(keys, prefix: prefix, source, to: &views)
        return try ViewedTensors(source, views.all)
    }

    private static func clip(_ encoder: Encoder, _ source: any TensorSource) throws -> Views {
        var views = Views(source: source)
        for key in encoder.keys {
            let name = String(key.dropFirst(encoder.prefix.count))
            // Files from before transformers 4 have no `text_model` level.
            let isBare = !name.hasPrefix("text_model.") && !name.hasPrefix("text_projection.")
            try views.add(isBare ? "text_model." + name : name, whole: key)
        }
        return views
    }

    /// - Parameter dropsLast: the last layer of the published file is left out, as diffusers does, for nothing is ever
    ///   read from it
    /// - Returns: the views, and the keys of the layer that was left out
    private static func openCLIP(
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

/// What original files carry besides a model, and what nobody misses.
enum HarmlessNames {
    private static let prefixes = [
        "denoiser.", "sqrt_", "log_one_minus_", "posterior_", "loss.", "optimizer", "lr_scheduler",
    ]
    private static let names: Set<String> = [
        "alphas_cumprod", "alphas_cumprod_prev", "betas", "logvar", "lvlb_weights", "global_step", "epoch",
        "scale_factor", "v_pred", "ztsnr", "pytorch-lightning_version",
    ]
    private static let endings = [
        ".position_ids", ".logit_scale", ".attn_mask", ".num_batches_tracked",
    ]

    static func contain(_ key: String) -> Bool {
        names.contains(key) || prefixes.contains(where: key.hasPrefix) || endings.contains(where: key.hasSuffix)
            || OriginalCheckpoint.vaePrefixes.contains { prefix in
                key.hasPrefix(prefix) && containInAutoencoder(String(key.dropFirst(prefix.count)))
            }
    }

    /// The training loss and its own network lie beside some autoencoders.
    static func containInAutoencoder(_ key: String) -> Bool {
        ["loss.", "model_ema."].contains(where: key.hasPrefix) || names.contains(key)
    }
}
