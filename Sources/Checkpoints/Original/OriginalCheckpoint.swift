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
    /// Those of them that training has left behind, and few files have.
    package let leftOvers: [String]
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
    static let encoderPrefixes: [(prefix: String, part: CheckpointPart, kind: TextEncoderKind)] = [
        ("cond_stage_model.transformer.", .textEncoder, .clip),
        ("cond_stage_model.model.", .textEncoder, .openCLIP),
        ("conditioner.embedders.0.transformer.", .textEncoder, .clip),
        ("conditioner.embedders.1.model.", .textEncoder2, .openCLIP),
        // stable-diffusion.cpp gives both encoders transformers' names in the files that it writes.
        ("cond_stage_model.1.transformer.", .textEncoder2, .clip),
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
        var kinds = sorted.encoders.mapValues(\.kind)
        if let encoder = sorted.encoders[.textEncoder2], encoder.kind == .clip { kinds[.textEncoder2] = .openCLIP }
        if let encoder = sorted.encoders[.textEncoder], sorted.encoders[.textEncoder2] == nil,
            Self.width(of: encoder, source) == Self.openCLIPWidth
        {
            kinds[.textEncoder] = .openCLIP
        }
        for (part, encoder) in sorted.encoders {
            switch encoder.kind {
            case .clip:
                let (found, rest) = try Self.clip(encoder, source, kinds[part] ?? .clip)
                views[part] = found
                unused += rest
            case .openCLIP:
                let isPenultimate = encoder.prefix == "cond_stage_model.model."
                let (found, rest) = try Self.openCLIP(encoder, source, dropsLast: isPenultimate)
                views[part] = found
                unused += rest
            }
        }
        parts = try views.mapValues { try ViewedTensors(source, $0.all) }
        (self.source, encoders) = (source, kinds)
        (harmless, unusedLayer, unknown) = (sorted.harmless, unused.sorted(), sorted.unknown)
        leftOvers = sorted.harmless.filter(HarmlessNames.areLeftOver)
        family = Self.family(kinds)
    }

    private static func family(_ kinds: [CheckpointPart: TextEncoderKind]) -> Family? {
        switch (kinds[.textEncoder], kinds[.textEncoder2]) {
        case (.clip, .openCLIP): .xlBase
        case (nil, .openCLIP): .xlRefiner
        case (.clip, nil): .sd1
        case (.openCLIP, nil): .sd2
        default: nil
        }
    }

    /// How wide OpenCLIP's encoder in Stable Diffusion 2 is; CLIP's in Stable Diffusion 1 has 768 channels.
    private static let openCLIPWidth = 1024

    private static func width(of encoder: Encoder, _ source: any TensorSource) -> Int? {
        source.tensors[encoder.prefix + "text_model.embeddings.token_embedding.weight"]?.shape.last
    }

    // MARK: Sorting

    /// One text encoder's tensors.
    struct Encoder {
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
    }
}
