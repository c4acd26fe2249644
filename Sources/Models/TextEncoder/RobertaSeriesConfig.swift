import Checkpoints
import Layers
import Tensors

/// What `text_encoder/config.json` says of AltDiffusion's `RobertaSeriesModelWithTransformation`.
package struct RobertaSeriesConfig: TextEncoderConfig, Equatable {
    package var vocabularySize = 250002
    package var hiddenSize = 1024
    package var intermediateSize = 4096
    package var layerCount = 24
    package var headCount = 16
    /// Rows of the table of positions. The first text token has the position after the padding's.
    package var positionCount = 514
    package var tokenTypes = 1
    package var epsilon: Float = 1e-5
    package var paddingID = 1
    /// Width of what the UNet is told.
    package var projectionSize = 768
    /// The eighteen-language model: it projects the last layer but one, through a norm of its own.
    package var hasPreTransformation = false
    /// Whether padding is hidden from the text.
    package var hidesPadding = true

    package var channels: Int { projectionSize }
    package var tokenChannels: Int { hiddenSize }
    package var pooledChannels: Int? { nil }
    package var maximumLength: Int { positionCount - paddingID - 1 }
    package var largestClipSkip: Int { 1 }
    package var rules: KeyRules {
        .robertaSeries(layers: layerCount, hasPreTransformation: hasPreTransformation)
    }

    package func encoder(_ source: LayerSource) throws -> any TextEncoder { try RobertaSeriesModel(source, self) }

    /// - Throws: `ModelError` naming file, key, value and what was expected
    package init(_ file: ConfigFile) throws {
        vocabularySize = try file.int("vocab_size", default: 30522, in: 1...2_000_000)
        hiddenSize = try file.int("hidden_size", default: 768, in: 1...16384)
        intermediateSize = try file.int("intermediate_size", default: 3072, in: 1...65536)
        layerCount = try file.int("num_hidden_layers", default: 12, in: 1...256)
        headCount = try file.int("num_attention_heads", default: 12, in: 1...256)
        positionCount = try file.int("max_position_embeddings", default: 512, in: 8...8194)
        tokenTypes = try file.int("type_vocab_size", default: 2, in: 1...1024)
        epsilon = try file.float("layer_norm_eps", default: 1e-12)
        paddingID = try file.int("pad_token_id", default: 1, in: 0...4)
        projectionSize = try file.int("project_dim", default: 512, in: 1...16384)
        hasPreTransformation = try file.bool("has_pre_transformation", default: false)
        hidesPadding = try file.bool("use_attention_mask", default: true)
        let activation = try file.string("hidden_act", default: "gelu")
        guard activation == "gelu" else {
            throw file.unsupported("hidden_act", "\"\(activation)\"", supported: "\"gelu\"")
        }
        let positions = try file.string("position_embedding_type", default: "absolute")
        guard positions == "absolute" else {
            throw file.unsupported("position_embedding_type", "\"\(positions)\"", supported: "\"absolute\"")
        }
        guard hiddenSize % headCount == 0 else {
            throw ModelError(
                "\(file.path): hidden_size \(hiddenSize) does not divide into \(headCount) attention heads")
        }
        guard !hasPreTransformation || layerCount >= 2 else {
            throw ModelError("\(file.path): has_pre_transformation needs a layer before the last one")
        }
    }
}
