import Tensors

/// What `text_encoder/config.json` says of a `CLIPTextModel`.
package struct CLIPTextConfig: Sendable, Equatable {
    package var vocabularySize = 49408
    package var hiddenSize = 768
    package var intermediateSize = 3072
    package var layerCount = 12
    package var headCount = 12
    package var maximumLength = 77
    package var activation = Activation.quickGELU
    package var epsilon: Float = 1e-5

    package init() {}

    /// The largest clip skip: all layers may be left out, for the embeddings are states too, as diffusers counts.
    package var largestClipSkip: Int { layerCount + 1 }

    /// - Throws: `ModelError` naming file, key, value and what was expected.
    package init(_ file: ConfigFile) throws {
        vocabularySize = try file.int("vocab_size", default: 49408, in: 1...2_000_000)
        hiddenSize = try file.int("hidden_size", default: 512, in: 1...16384)
        intermediateSize = try file.int("intermediate_size", default: 2048, in: 1...65536)
        layerCount = try file.int("num_hidden_layers", default: 12, in: 1...256)
        headCount = try file.int("num_attention_heads", default: 8, in: 1...256)
        maximumLength = try file.int("max_position_embeddings", default: 77, in: 2...8192)
        epsilon = try file.float("layer_norm_eps", default: 1e-5)
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
