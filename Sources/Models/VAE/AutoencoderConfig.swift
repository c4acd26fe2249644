import Checkpoints
import Layers

/// What `vae/config.json` says of an `AutoencoderKL`.
package struct AutoencoderConfig: VAEConfig, Equatable {
    package var pictureChannels = 3
    package var latentChannels = 4
    package var blockOutChannels = [128, 256, 512, 512]
    package var layersPerBlock = 2
    package var normGroups = 32
    package var midBlockAttention = true
    package var usesQuantConv = true
    package var usesPostQuantConv = true
    package var scalingFactor: Float = 0.18215
    package var statistics: LatentStatistics?
    /// Whether half precision is not enough for it (`force_upcast`); only Stable Diffusion XL's pipelines ask.
    package var needsFloat32 = false

    package init() {}

    /// Pixels a latent, on each side.
    package var factor: Int { 1 << (blockOutChannels.count - 1) }

    package var drawsLatents: Bool { true }
    package var rules: KeyRules { .autoencoder }

    package func autoencoder(_ source: LayerSource) throws -> any Autoencoder { try AutoencoderKL(source, self) }

    /// - Throws: `ModelError` naming file, key, value and what was expected.
    package init(_ file: ConfigFile) throws {
        pictureChannels = try file.int("in_channels", default: 3, in: 3...3)
        _ = try file.int("out_channels", default: 3, in: 3...3)
        latentChannels = try file.int("latent_channels", default: 4, in: 1...64)
        blockOutChannels = try file.ints("block_out_channels", default: [64], in: 1...8192)
        layersPerBlock = try file.int("layers_per_block", default: 1, in: 1...16)
        normGroups = try file.int("norm_num_groups", default: 32, in: 1...1024)
        midBlockAttention = try file.bool("mid_block_add_attention", default: true)
        usesQuantConv = try file.bool("use_quant_conv", default: true)
        usesPostQuantConv = try file.bool("use_post_quant_conv", default: true)
        scalingFactor = try file.float("scaling_factor", default: 0.18215)
        needsFloat32 = try file.bool("force_upcast", default: true)
        statistics = try LatentStatistics(file, channels: latentChannels)
        guard scalingFactor > 0 else {
            throw ModelError("\(file.path): scaling_factor must be above 0, not \(scalingFactor)")
        }
        let activation = try file.string("act_fn", default: "silu")
        guard ["silu", "swish"].contains(activation) else {
            throw file.unsupported("act_fn", "\"\(activation)\"", supported: "\"silu\"")
        }
        let levels = blockOutChannels.count
        for (key, name) in [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")] {
            let types = try file.strings(key, default: Array(repeating: name, count: levels))
            if let other = types.first(where: { $0 != name }) {
                throw file.unsupported(key, "\"\(other)\"", supported: "\"\(name)\"")
            }
            guard types.count == levels else {
                throw ModelError("\(file.path): \(key) and block_out_channels have different lengths")
            }
        }
        if let channels = blockOutChannels.first(where: { $0 % normGroups != 0 }) {
            throw ModelError("\(file.path): \(channels) channels do not divide into \(normGroups) norm groups")
        }
    }
}
