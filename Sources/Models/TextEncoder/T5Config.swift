import Checkpoints
import Layers
import Tensors

/// What `text_encoder/config.json` says of a `T5EncoderModel`.
package struct T5Config: TextEncoderConfig, Equatable {
    package enum FeedForward: Sendable, Equatable {
        /// T5 1.0.
        case rectified
        /// T5 1.1 and its kin: GEGLU, with GELU by tanh.
        case gated
    }

    package var vocabularySize = 32128
    package var channels = 512
    /// Width of a head.
    package var headSize = 64
    package var feedForwardSize = 2048
    package var layerCount = 6
    package var headCount = 8
    package var bucketCount = 32
    package var maximumDistance = 128
    package var epsilon: Float = 1e-6
    package var feedForward = FeedForward.rectified
    package var maximumLength = 512
    /// Whether padding is hidden from the text. Read by diffusers' pipelines, not by the model.
    package var hidesPadding = false

    package init() {}

    package var tokenChannels: Int { channels }
    package var pooledChannels: Int? { nil }
    package var largestClipSkip: Int { 1 }
    package var rules: KeyRules { .t5Encoder }

    package func encoder(_ source: LayerSource) throws -> any TextEncoder { try T5EncoderModel(source, self) }

    /// - Throws: `ModelError` naming file, key, value and what was expected
    package init(_ file: ConfigFile) throws {
        vocabularySize = try file.int("vocab_size", default: 32128, in: 1...2_000_000)
        channels = try file.int("d_model", default: 512, in: 1...16384)
        headSize = try file.int("d_kv", default: 64, in: 1...1024)
        feedForwardSize = try file.int("d_ff", default: 2048, in: 1...65536)
        layerCount = try file.int("num_layers", default: 6, in: 1...256)
        headCount = try file.int("num_heads", default: 8, in: 1...256)
        bucketCount = try file.int("relative_attention_num_buckets", default: 32, in: 4...4096)
        maximumDistance = try file.int("relative_attention_max_distance", default: 128, in: 2...65536)
        epsilon = try file.float("layer_norm_epsilon", default: 1e-6)
        maximumLength = try file.int("n_positions", default: 512, in: 3...4096)
        hidesPadding = try file.bool("use_attention_mask", default: false)
        switch try file.string("feed_forward_proj", default: "relu") {
        case "relu": feedForward = .rectified
        case "gated-gelu", "gated-gelu_new": feedForward = .gated
        case let other:
            throw file.unsupported("feed_forward_proj", "\"\(other)\"", supported: "\"relu\" and \"gated-gelu\"")
        }
        guard bucketCount % 4 == 0, maximumDistance > bucketCount / 4 else {
            throw ModelError(
                "\(file.path): relative_attention_num_buckets \(bucketCount) and relative_attention_max_distance "
                    + "\(maximumDistance) are not supported together; a multiple of 4 was expected, and a distance above "
                    + "a quarter of it")
        }
    }
}
