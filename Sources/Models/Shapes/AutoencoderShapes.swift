import Platform

/// The configuration of an `AutoencoderKL`, told from its tensors: all but the factor by which latents are scaled, and
/// the groups of the norms.
package struct AutoencoderShapes: Sendable, Equatable {
    package let channels: [Int]
    private let layers: Int
    package let latentChannels: Int
    private let hasAttention: Bool
    private let hasQuantConv: Bool
    private let hasPostQuantConv: Bool

    /// - Throws: `ModelError` if these are not the tensors of such a network
    package init(_ shapes: TensorShapes) throws {
        let levels = shapes.count("decoder.up_blocks")
        channels = try (0..<levels).reversed().map {
            try shapes.size("decoder.up_blocks.\($0).resnets.0.conv1.weight", 0)
        }
        layers = max(1, shapes.count("decoder.up_blocks.0.resnets") - 1)
        latentChannels = try shapes.size("decoder.conv_in.weight", 1)
        hasAttention = shapes.has("decoder.mid_block.attentions.0")
        hasQuantConv = shapes.has("quant_conv")
        hasPostQuantConv = shapes.has("post_quant_conv")
    }

    /// Pixels a latent, on each side.
    package var factor: Int { 1 << max(0, min(channels.count, 16) - 1) }

    /// - Parameters:
    ///   - sampleSize: side of the model's own pictures
    ///   - scalingFactor: what latents are multiplied by
    ///   - isXL: whether diffusers should keep it in float32 (`force_upcast`)
    package func config(sampleSize: Int, scalingFactor: Double, isXL: Bool) -> [String: JSON] {
        var config: [String: JSON] = [
            "_class_name": .string("AutoencoderKL"), "act_fn": .string("silu"),
            "block_out_channels": .numbers(channels),
            "down_block_types": .names(channels.map { _ in "DownEncoderBlock2D" }),
            "force_upcast": .bool(isXL), "in_channels": .number(3), "latent_channels": .number(latentChannels),
            "layers_per_block": .number(layers), "norm_num_groups": .number(usualGroups(channels)),
            "out_channels": .number(3), "sample_size": .number(sampleSize), "scaling_factor": .number(scalingFactor),
            "up_block_types": .names(channels.map { _ in "UpDecoderBlock2D" }),
        ]
        if !hasAttention { config["mid_block_add_attention"] = .bool(false) }
        if !hasQuantConv { config["use_quant_conv"] = .bool(false) }
        if !hasPostQuantConv { config["use_post_quant_conv"] = .bool(false) }
        return config
    }
}
