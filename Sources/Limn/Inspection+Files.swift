import Checkpoints
import Models
import Sampling
import Tensors

// MARK: - Files of weights

extension Inspection {
    /// Tells what a file holds, by what kind of file it is.
    mutating func inspect(_ source: any TensorSource, _ fileKind: FileKind, _ listsTensors: Bool) {
        switch fileKind {
        case .checkpoint: inspectCheckpoint(source, listsTensors)
        case .lora: facts += LoRAShape(source).facts
        case .embedding:
            for encoder in EmbeddingShape(source)?.encoders ?? [] {
                let vectors = encoder.vectors == 1 ? "1 vector" : "\(encoder.vectors) vectors"
                facts.append(Fact(name: encoder.name, value: "\(vectors) of \(encoder.channels)"))
            }
            if let family = Self.family(embedding: source) { facts.append(Fact(name: "made for", value: family)) }
        case .unet: tellUNet(source)
        case .vae: tellVAE(source)
        case .otherModel: problems.append("limn runs Stable Diffusion 1, 2 and XL and their kin, but not this")
        case .tinyVAE: facts.append(Fact(name: "to be used", value: "with --taesd, or with --vae if it can encode too"))
        case .textEncoder, .latents, .nothing, .unknown: break
        }
        if fileKind != .checkpoint { parts = [Part(name: Self.lastComponent(path), source, listsTensors)] }
        facts += source.notes.sorted { $0.key < $1.key }.prefix(20).map {
            Fact(name: $0.key, value: String($0.value.prefix(200)))
        }
    }

    private mutating func inspectCheckpoint(_ source: any TensorSource, _ listsTensors: Bool) {
        // What can be told is told even of a file that cannot be loaded.
        if let checkpoint = attempt({ try OriginalCheckpoint(source) }) {
            parts = checkpoint.parts.sorted { $0.key.rawValue < $1.key.rawValue }.filter { !$0.value.tensors.isEmpty }
                .map { Part(name: $0.key.rawValue, $0.value, listsTensors) }
            tellExtras(of: checkpoint)
        }
        guard problems.isEmpty, let file = attempt({ try SingleFile(source) }) else { return }
        guard let description = attempt({ try ModelDescription(file, tokenizer: "") }) else { return }
        describe(description)
        kind = "a single-file checkpoint: \(file.name)"
        facts = facts.filter { $0.name != "pipeline" }.map { fact in
            fact.name == "predicts" ? Fact(name: fact.name, value: "\(fact.value) (\(file.prediction.reason))") : fact
        }
        unusual += file.warnings.map { $0.replacing("\(file.path): ", with: "") }
        if file.prediction.hasZeroSNR { unusual.append("its noise schedule ends in pure noise (ztsnr)") }
        let parts = ModelParts(file)
        problems += parts.problems(description).map { String(describing: $0) }
        if description.unet.normGroups != 32 {
            unusual.append("group norms of \(description.unet.normGroups) groups, a guess from the UNet's widths")
        }
        if (try? TokenizerFolder.find(nil, beside: path)) == nil {
            unusual.append("no tokenizer lies beside it; give one with --tokenizer when drawing")
        }
    }

    private mutating func tellExtras(of checkpoint: OriginalCheckpoint) {
        let averages = checkpoint.harmless.count { $0.hasPrefix("model_ema.") }
        if checkpoint.hasAverages { unusual.append("averaged weights (EMA) beside the last ones; --ema takes them") }
        let others = checkpoint.harmless.count - averages
        if others > 0 {
            let subject = others == 1 ? "1 tensor" : "\(others) tensors"
            facts.append(Fact(name: "besides", value: subject + " that no model needs"))
        }
        if !checkpoint.unusedLayer.isEmpty {
            facts.append(
                Fact(name: "not used", value: "the text encoder's last layer, as always in Stable Diffusion 2"))
        }
    }

    private mutating func tellUNet(_ source: any TensorSource) {
        guard let unet = try? UNetShapes(TensorShapes(source)) else { return }
        facts.append(
            Fact(name: "levels", value: unet.channels.map(String.init).joined(separator: ", ") + " channels"))
        if let context = unet.contextChannels { facts.append(Fact(name: "text", value: "\(context) channels")) }
    }

    private mutating func tellVAE(_ source: any TensorSource) {
        let current = (try? OriginalCheckpoint.autoencoder(in: source)) ?? nil
        let names = current == nil ? "diffusers'" : "the original code's"
        facts.append(Fact(name: "names", value: names))
        guard let vae = try? AutoencoderShapes(TensorShapes(current ?? source)) else { return }
        facts += [
            Fact(name: "latents", value: "\(vae.latentChannels) channels, \(vae.factor) times smaller"),
            Fact(name: "to be used", value: "with --vae"),
        ]
    }

    private static func family(embedding source: any TensorSource) -> String? {
        family(textChannels: EmbeddingShape(source)?.encoders.map(\.channels) ?? [])
    }

    /// The family whose text encoders have these widths.
    static func family(textChannels: [Int]) -> String? {
        switch textChannels.sorted() {
        case [768]: "Stable Diffusion 1"
        case [1024]: "Stable Diffusion 2"
        case [1280], [2048], [768, 1280]: "Stable Diffusion XL"
        default: nil
        }
    }

    /// The types of numbers, and what is odd about them.
    mutating func tellPrecision() {
        var bytes: [String: Int] = [:]
        var parameters = 0
        for part in parts {
            bytes.merge(part.tensorsByType) { $0 + $1 }
            parameters += part.parameters
        }
        guard !bytes.isEmpty else { return }
        let types = bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        facts.append(Fact(name: "precision", value: types.joined(separator: ", ")))
        if types.contains(where: { $0.hasPrefix("F8") }) { unusual.append("numbers of 8 bits (F8)") }
    }
}

/// What a LoRA's names and shapes tell.
struct LoRAShape {
    private let source: any TensorSource
    private let names: [String]

    init(_ source: any TensorSource) {
        self.source = source
        names = source.tensors.keys.sorted()
    }

    /// What makes a module of each spelling: the ending of one tensor that each has, and whether its first dimension is
    /// a rank.
    private static let endings: [(ending: String, kind: String, isRanked: Bool)] = [
        (".lora_down.weight", "LoRA", true), (".lora_A.weight", "LoRA", true), (".lora.down.weight", "LoRA", true),
        ("_lora.down.weight", "LoRA", true), (".lora_A.default.weight", "LoRA", true), (".hada_w1_b", "LoHa", true),
        (".lokr_w2", "LoKr", false), (".lokr_w2_b", "LoKr", true), (".diff", "whole differences", false),
        (".b1.weight", "GLoRA", false), (".on_input", "(IA)³", false), (".oft_blocks", "OFT", false),
    ]

    var facts: [Inspection.Fact] {
        var modules: [String: (kind: String, rank: Int)] = [:]
        for name in names {
            guard let found = Self.endings.first(where: { name.hasSuffix($0.ending) }) else { continue }
            let rank = found.isRanked ? source.tensors[name]?.shape.first : nil
            let isBOFT = found.kind == "OFT" && source.tensors[name]?.shape.count == 4
            modules[String(name.dropLast(found.ending.count))] = (isBOFT ? "BOFT" : found.kind, rank ?? 0)
        }
        let kinds = Set(modules.values.map(\.kind)).sorted().joined(separator: ", ")
        let ranks = Set(modules.values.map(\.rank)).subtracting([0]).sorted()
        var facts = [
            Inspection.Fact(name: "kind", value: kinds.isEmpty ? "of a spelling that limn does not know" : kinds),
            Inspection.Fact(name: "spelling", value: spelling),
            Inspection.Fact(name: "modules", value: places(modules.keys.sorted())),
        ]
        if let first = ranks.first, let last = ranks.last {
            let rank = first == last ? "\(first)" : "\(first) to \(last)"
            facts.insert(Inspection.Fact(name: "rank", value: rank), at: 2)
        }
        if names.contains(where: { $0.hasSuffix("dora_scale") || $0.contains("lora_magnitude_vector") }) {
            facts.append(Inspection.Fact(name: "magnitudes", value: "given (DoRA)"))
        }
        let words = LoRAMerge.wordsOfEmbeddings(in: source)
        if !words.isEmpty {
            facts.append(Inspection.Fact(name: "words", value: words.joined(separator: ", ") + " (embeddings)"))
        }
        if let family { facts.append(Inspection.Fact(name: "made for", value: family)) }
        return facts
    }

    private var spelling: String {
        func has(_ part: String) -> Bool { names.contains { $0.contains(part) } }
        if has("lora_unet_") || has("lora_te") { return "kohya's" }
        if names.contains(where: { $0.hasPrefix("lycoris_") }) { return "LyCORIS', as SimpleTuner has it" }
        if has(".lora_A.") { return "PEFT's, as diffusers has it" }
        if has(".processor.") || has("_lora.") { return "diffusers' older one" }
        return "another"
    }

    /// How many modules of which network.
    private func places(_ modules: [String]) -> String {
        func count(_ prefixes: [String]) -> Int {
            modules.count { module in prefixes.contains(where: module.hasPrefix) }
        }
        let second = count(["lora_te2_", "text_encoder_2."])
        let parts = [
            ("UNet", count(["lora_unet_", "unet."])), ("text encoder", count(["lora_te", "text_encoder"]) - second),
            ("second text encoder", second),
        ].filter { $0.1 > 0 }
        let listed = parts.map { "\($0.1) of the \($0.0)" }.joined(separator: ", ")
        return listed.isEmpty ? "\(modules.count)" : "\(modules.count): \(listed)"
    }

    /// By the width of the text that cross-attention was made for.
    private var family: String? {
        let widths = names.compactMap { name -> Int? in
            guard name.contains("attn2_to_k") || name.contains("attn2.to_k") || name.contains("attn2.processor.to_k"),
                ["lora_down.", "lora.down.", "lora_A."].contains(where: name.contains),
                let shape = source.tensors[name]?.shape
            else { return nil }
            return shape.count == 2 ? shape[1] : nil
        }
        return Inspection.family(textChannels: Array(Set(widths)))
    }
}
