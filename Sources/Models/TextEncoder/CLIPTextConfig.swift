import Checkpoints
import Layers
import Tensors

/// What `text_encoder/config.json` says of a `CLIPTextModel`, or of a `CLIPTextModelWithProjection`.
package struct CLIPTextConfig: TextEncoderConfig, Equatable {
    package var vocabularySize = 49408
    package var hiddenSize = 768
    package var intermediateSize = 3072
    package var layerCount = 12
    package var headCount = 12
    package var maximumLength = 77
    package var activation = Activation.quickGELU
    package var epsilon: Float = 1e-5
    /// Width of the pooled projection; nil if there is none.
    package var pooledChannels: Int?
    /// The id whose state stands for the whole text: its first place counts. nil: the largest id of the text, as in
    /// files from before the end's id was written down rightly.
    package var endID: Int?

    package init() {}

    package var channels: Int { hiddenSize }
    package var rules: KeyRules { pooledChannels == nil ? .clipText : .clipTextWithProjection }

    package func encoder(_ source: LayerSource) throws -> any TextEncoder { try CLIPTextModel(source, self) }

    /// The largest clip skip: all layers may be left out, for the embeddings are states too, as diffusers counts.
    package var largestClipSkip: Int { layerCount + 1 }

    /// - Throws: `ModelError` naming file, key, value and what was expected.
    package init(_ file: ConfigFile, hasProjection: Bool = false) throws {
        vocabularySize = try file.int("vocab_size", default: 49408, in: 1...2_000_000)
        hiddenSize = try file.int("hidden_size", default: 512, in: 1...16384)
        intermediateSize = try file.int("intermediate_size", default: 2048, in: 1...65536)
        layerCount = try file.int("num_hidden_layers", default: 12, in: 1...256)
        headCount = try file.int("num_attention_heads", default: 8, in: 1...256)
        maximumLength = try file.int("max_position_embeddings", default: 77, in: 2...8192)
        epsilon = try file.float("layer_norm_eps", default: 1e-5)
        if hasProjection { pooledChannels = try file.int("projection_dim", default: 512, in: 1...16384) }
        let end = try file.int("eos_token_id", default: 49407, in: 0...2_000_000)
        // transformers' CLIPTextTransformer, from before its pull request 24773: the id 2 was a mistake then.
        endID = end == 2 ? nil : end
        // Read by diffusers' pipelines, not by the model: padding would be hidden from the text.
        try file.requireOff("use_attention_mask", reason: "padding is part of the text here, as in Stable Diffusion")
        switch try file.string("hidden_act", default: "quick_gelu") {
        case "quick_gelu": activation = .quickGELU
        case "gelu": activation = .gelu
        case let other:
            throw file.unsupported("hidden_act", "\"\(other)\"", supported: "\"quick_gelu\" and \"gelu\"")
        }
        guard hiddenSize % headCount == 0 else {
            throw ModelError(
                "\(file.path): hidden_size \(hiddenSize) does not divide into \(headCount) attention heads")
        }
    }
}
