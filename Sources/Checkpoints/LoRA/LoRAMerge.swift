import Platform

/// LoRAs and the networks that they change: the networks' sources again, which give changed weights.
///
///     let merge = try LoRAMerge([LoRAMerge.Item(path: "style.safetensors", strength: 0.8)], into: [
///         "unet": LoRAMerge.Network(source: unet, rules: .none),
///         "text_encoder": LoRAMerge.Network(source: text, rules: .clipText),
///     ])
///     let weights = Weights(merge.sources["unet"] ?? unet)
///
/// W becomes W + Σ strength · alpha / rank · ΔW in float32 when a tensor is read; nothing is kept, and what no LoRA
/// changes stays where it is.
package struct LoRAMerge {
    /// One LoRA.
    package struct Item: Sendable {
        package var path: String
        /// Of what it changes in text encoders, and in the UNet where that has none of its own.
        package var strength: Float
        package var unetStrength: Float?

        package init(path: String, strength: Float, unetStrength: Float? = nil) {
            (self.path, self.strength, self.unetStrength) = (path, strength, unetStrength)
        }

        func strength(of part: String) -> Float { part == "unet" ? unetStrength ?? strength : strength }
    }

    /// A part of a model that LoRAs may change.
    package struct Network: Sendable {
        package var source: any TensorSource
        package var rules: KeyRules

        package init(source: any TensorSource, rules: KeyRules) { (self.source, self.rules) = (source, rules) }
    }

    /// Every network that was given, by its name.
    package let sources: [String: any TensorSource]
    /// What was left out, in sentences; empty unless leniency was asked for.
    package let warnings: [String]
    /// Embeddings that the files bring along, whatever their strength.
    package let embeddings: [TextualInversion]

    /// - Parameters:
    ///   - items: applied in this order, which matters only where one of them is a DoRA
    ///   - networks: `unet`, `text_encoder` and `text_encoder_2`, those that the model has
    ///   - isLenient: whether keys that find no place are left out instead of being an error
    /// - Throws: `CheckpointError` naming file and key: a file that cannot be read, a LoRA of another family, a key
    ///   that finds no place, a tensor of the wrong shape or rank. What is wrong with values comes when they are read
    package init(_ items: [Item], into networks: [String: Network], isLenient: Bool = false) throws {
        let targets = try Self.order.compactMap { part in
            try networks[part].map { try LoRATargets(part: part, source: $0.source, rules: $0.rules) }
        }
        var updates: [String: [String: [LoRAUpdate]]] = [:]
        var warnings: [String] = []
        var embeddings: [TextualInversion] = []
        for item in items {
            guard item.strength.isFinite, item.unetStrength?.isFinite ?? true else {
                throw CheckpointError(path: item.path, problem: "a LoRA's weight must be a finite number")
            }
            let file = try LoRAFile(path: item.path)
            embeddings += try file.embeddings.map { try $0.read(file.source) }
            guard item.strength != 0 || item.unetStrength ?? 0 != 0 else { continue }
            try Self.checkFamily(file, targets)
            let lost = try Self.place(file, item, targets, &updates)
            guard !lost.isEmpty else { continue }
            let text = Self.words(lost: lost, of: file, targets)
            guard isLenient, lost.count < file.source.tensors.count else {
                throw CheckpointError(path: file.path, problem: text)
            }
            warnings.append("\(printable(file.path, limit: 4096)): \(text); left out")
        }
        var sources: [String: any TensorSource] = [:]
        for (part, network) in networks {
            sources[part] = updates[part].map { LoRATensors(network.source, $0) } ?? network.source
        }
        self.sources = sources
        self.warnings = warnings
        self.embeddings = embeddings
    }

    /// Words of the embeddings in a LoRA's file.
    package static func wordsOfEmbeddings(in source: any TensorSource) -> [String] {
        BundledEmbedding.all(in: source).map(\.word)
    }

    /// Where keys that do not say whose they are are looked for first.
    private static let order = ["unet", "text_encoder", "text_encoder_2"]

    /// Finds every module's place.
    ///
    /// - Returns: the keys that found none
    private static func place(
        _ file: LoRAFile, _ item: Item, _ targets: [LoRATargets],
        _ updates: inout [String: [String: [LoRAUpdate]]]
    ) throws -> [String] {
        var lost = file.unknown
        func add(_ update: LoRAUpdate, _ part: String, _ fileKey: String) {
            updates[part, default: [:]][fileKey, default: []].append(update)
        }
        for group in file.groups {
            // What belongs to a method that is not known may have an alpha all the same.
            if !file.unknown.isEmpty, group.keys.keys.allSatisfy({ $0 == .alpha }) {
                lost += group.keys.values
                continue
            }
            let candidates = targets.filter { group.part == nil || group.part == $0.part }
            guard let target = candidates.first(where: { $0.module(group.module) != nil }),
                let module = target.module(group.module), let weight = target.tensor(module, "weight")
            else {
                lost += group.keys.values
                continue
            }
            let strength = item.strength(of: target.part)
            guard strength != 0 else { continue }
            if let update = try LoRAUpdate(
                file, group, part: target.part, shape: weight.info.shape, strength: strength)
            {
                add(update, target.part, weight.fileKey)
            }
            guard let biasKey = group.keys[.biasDifference] ?? group.keys[.upBias] else { continue }
            guard let bias = target.tensor(module, "bias") else {
                lost.append(biasKey)
                continue
            }
            if let update = try LoRAUpdate(
                bias: file, group, part: target.part, shape: bias.info.shape, strength: strength)
            {
                add(update, target.part, bias.fileKey)
            }
        }
        return lost.sorted()
    }

    private static func words(lost: [String], of file: LoRAFile, _ targets: [LoRATargets]) -> String {
        let count = file.source.tensors.count
        var text =
            "\(lost.count) of \(count) tensors \(lost.count == 1 ? "does" : "do") not match any layer of the model: "
            + listed(lost)
        if lost.contains(where: { $0.hasPrefix("lora_te2_") || $0.hasPrefix("text_encoder_2.") }),
            !targets.contains(where: { $0.part == "text_encoder_2" })
        {
            text += ". They change a second text encoder, as Stable Diffusion XL has; this model has one"
        } else if let other = otherMethods.first(where: { method in lost.contains { $0.contains(method.mark) } }) {
            text += ". They are \(other.name), which is not supported"
        }
        return text
    }

    private static let outputVectors = "vectors that an embedding adds to the text encoder's output"

    /// Methods whose files are told by a part of their keys.
    private static let otherMethods: [(mark: String, name: String)] = [
        ("oft_R", "PEFT's form of OFT"), ("oft_diag", "an early form of OFT"), ("boft_", "PEFT's form of BOFT"),
        ("ia3_l", "PEFT's form of (IA)³"), ("vera_lambda", "VeRA"), ("hra_u", "HRA"),
        ("lora_embedding_", "a LoRA of an embedding's table"), (".p_layer.weight", "T-LoRA"),
        ("bm.weight", "GLoRA with a core"),
        ("clip_l_out", outputVectors), ("clip_g_out", outputVectors),
    ]

    private static func checkFamily(_ file: LoRAFile, _ targets: [LoRATargets]) throws {
        guard !file.isForTransformer else {
            throw CheckpointError(
                path: file.path,
                problem: "this LoRA is for a diffusion transformer (Flux, Stable Diffusion 3); the model is a UNet")
        }
        guard let unet = targets.first(where: { $0.part == "unet" }) else { return }
        let (own, wanted) = (unet.textWidths, file.textWidths)
        guard !own.isEmpty, !wanted.isEmpty, !wanted.isSubset(of: own) else { return }
        throw CheckpointError(
            path: file.path,
            problem: "this LoRA is for \(ModelFamily.name(textWidths: wanted)), but the model is "
                + "\(ModelFamily.name(textWidths: own))")
    }
}

/// Which models share their shapes, told by the width of the texts that their cross-attention looks at.
package enum ModelFamily {
    /// As people say it.
    package static func name(textWidths: Set<Int>) -> String {
        let widths = textWidths.sorted().map(String.init).joined(separator: " and ")
        let family =
            switch textWidths {
            case [768]: "Stable Diffusion 1"
            case [1024]: "Stable Diffusion 2"
            case [1280]: "the refiner of Stable Diffusion XL"
            case [2048]: "Stable Diffusion XL"
            default: "a model"
            }
        return "\(family) with texts of \(widths) channels"
    }
}
