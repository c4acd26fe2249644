import Checkpoints

/// Files that are no whole model of a kind that limn runs: each is named, with what to do.
extension SingleFile {
    /// Keys that only such models have, and what they are.
    private static let otherModels: [(part: String, kind: String)] = [
        ("control_model.", "a ControlNet"), ("edm_mean", "a Playground 2.5 model, whose noise is scaled another way"),
        ("edm_vpred.", "a CosXL model, whose noise is scaled another way"),
        ("joint_blocks.", "a Stable Diffusion 3 model"), ("double_blocks.", "a Flux model"),
        ("double_layers.", "an AuraFlow model"), ("motion_modules.", "an AnimateDiff motion module"),
        ("clip_txt_mapper.", "a Stable Cascade model"), ("double_stream_blocks.", "a HiDream model"),
        ("transformer_blocks.27.scale_shift_table", "a video model"),
    ]

    /// What a file is that limn does not run; nil if nothing speaks against it.
    package static func otherModel(_ names: some Collection<String>) -> String? {
        otherModels.first { other in names.contains { $0.contains(other.part) } }?.kind
    }

    /// - Throws: `LimnError` if the file is no checkpoint with original names
    static func refuseOthers(_ source: any TensorSource) throws {
        let names = source.tensors.keys
        if let other = otherModel(names) {
            throw LimnError(
                "\(source.path): this is \(other); limn runs Stable Diffusion 1, 2 and XL and their kin")
        }
        guard !OriginalCheckpoint.isOriginal(names) else { return }
        let kind = FileKind(source)
        throw LimnError("\(source.path): this is \(kind.description), not a whole model\(kind.advice)")
    }
}

/// What a file of weights is, judged by keys that only such files have.
package enum FileKind: Sendable, Equatable {
    case checkpoint
    case lora
    case embedding
    case unet(channels: Int?)
    case vae
    case tinyVAE
    case textEncoder
    case latents
    case otherModel(String)
    case nothing
    case unknown

    package init(_ source: any TensorSource) {
        let names = source.tensors.keys
        func has(_ prefix: String) -> Bool { names.contains { $0.hasPrefix(prefix) } }
        func hasAny(_ parts: [String]) -> Bool { names.contains { name in parts.contains(where: name.contains) } }
        let shape = source.tensors["conv_in.weight"]?.shape ?? []

        if names.isEmpty {
            self = .nothing
        } else if hasAny(Self.loraMarks) {
            self = .lora
        } else if let other = SingleFile.otherModel(names) {
            self = .otherModel(other)
        } else if OriginalCheckpoint.isOriginal(names) {
            self = .checkpoint
        } else if has("down_blocks."), has("conv_in.") {
            self = .unet(channels: shape.count == 4 ? shape[1] : nil)
        } else if has("decoder.layers.") || has("taesd_decoder.")
            || names.contains("1.weight") && names.contains("3.conv.0.weight") || names.contains("1.conv.0.weight")
        {
            self = .tinyVAE
        } else if hasAny(["decoder.conv_in.", "decoder.conv_out."]) {
            self = .vae
        } else if hasAny(["embeddings.token_embedding.", "token_embedding.weight"]) {
            self = .textEncoder
        } else if names.count == 1, names.contains("latents") {
            self = .latents
        } else if EmbeddingShape(source) != nil {
            self = .embedding
        } else {
            self = .unknown
        }
    }

    private static let loraMarks = [
        ".lora_down.", ".lora_up.", ".lora_A.", ".lora_B.", "lora_unet_", "lora_te", ".hada_w1", ".lokr_w1",
        "_lora.down.", "_lora.up.", ".lora.down.", ".lora.up.", ".oft_blocks", ".on_input",
    ]

    package var description: String {
        switch self {
        case .checkpoint: "a single-file checkpoint"
        case .lora: "a LoRA"
        case .embedding: "an embedding (textual inversion)"
        case .unet(let channels): "a UNet" + (channels.map { ", \($0) channels in" } ?? "")
        case .vae: "a VAE"
        case .tinyVAE: "a tiny VAE (TAESD)"
        case .textEncoder: "a CLIP text encoder"
        case .latents: "latents"
        case .otherModel(let kind): kind
        case .nothing: "a file without tensors"
        case .unknown: "tensors of no kind that limn knows"
        }
    }

    /// What to do with such a file where a whole model was expected.
    var advice: String {
        switch self {
        case .unet, .textEncoder: "; give the folder that it belongs to"
        case .lora: "; give it with --lora"
        case .embedding: "; give it with --embedding"
        case .vae: "; give it with --vae"
        case .tinyVAE: "; give it with --taesd"
        default: "; give a diffusers folder, or one file with UNet, VAE and text encoders"
        }
    }
}

/// The vectors of a textual inversion: diffusers keeps them under the token's name, the webui under `emb_params`, SDXL's
/// under `clip_l` and `clip_g`.
package struct EmbeddingShape: Sendable, Equatable {
    /// Vectors a text encoder, and how wide they are.
    package let encoders: [(name: String, vectors: Int, channels: Int)]

    /// nil if the source is no such file.
    package init?(_ source: any TensorSource) {
        guard (1...2).contains(source.tensors.count) else { return nil }
        var encoders: [(name: String, vectors: Int, channels: Int)] = []
        for info in source.tensors.values.sorted(by: { $0.name < $1.name }) {
            // Widths of text encoders; one vector may come without a dimension of its own.
            guard let channels = info.shape.last, (1...2).contains(info.shape.count), channels >= 16, channels <= 8192,
                info.dtype.isFloatingPoint
            else { return nil }
            encoders.append((info.name, info.elementCount / channels, channels))
        }
        guard encoders.count == 1 || encoders.map(\.name) == ["clip_g", "clip_l"],
            encoders.allSatisfy({ (1...1024).contains($0.vectors) })
        else { return nil }
        self.encoders = encoders
    }

    package static func == (a: EmbeddingShape, b: EmbeddingShape) -> Bool {
        a.encoders.elementsEqual(b.encoders) { $0 == $1 }
    }
}
