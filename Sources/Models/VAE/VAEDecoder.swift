import Layers
import Tensors

/// Latents → picture.
struct VAEDecoder: Sendable {
    private let convIn: Conv2D
    private let midBlock: VAEMidBlock
    private let upBlocks: [UpDecoderBlock]
    private let convNormOut: GroupNorm
    private let convOut: Conv2D

    init(_ source: LayerSource, _ config: AutoencoderConfig) throws {
        let channels = Array(config.blockOutChannels.reversed())
        let last = channels.count - 1
        convIn = try Conv2D(source("conv_in"), in: config.latentChannels, out: channels[0])
        midBlock = try VAEMidBlock(source("mid_block"), config)
        upBlocks = try (0...last).map { level in
            try UpDecoderBlock(
                source("up_blocks", level).expecting(side: source.side << level), in: channels[max(level - 1, 0)],
                out: channels[level], config,
                upsample: level < last)
        }
        convNormOut = try GroupNorm(
            source("conv_norm_out"), channels: channels[last], groups: config.normGroups, epsilon: 1e-6)
        convOut = try Conv2D(
            source("conv_out").expecting(side: source.side << last), in: channels[last], out: config.pictureChannels)
    }

    func callAsFunction(_ latents: Tensor, _ compute: Compute) throws -> Tensor {
        var h = try convIn(latents, compute)
        h = try midBlock(h, compute)
        for block in upBlocks { h = try block(h, compute) }
        h = try convNormOut(h, compute, silu: true)
        return try convOut(h, compute)
    }
}

private struct UpDecoderBlock: Sendable {
    let resnets: [ResnetBlock]
    let upsampler: Conv2D?

    init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, _ config: AutoencoderConfig,
        upsample: Bool
    ) throws {
        resnets = try (0...config.layersPerBlock).map {
            try ResnetBlock(
                source("resnets", $0), in: $0 == 0 ? inChannels : outChannels, out: outChannels,
                groups: config.normGroups, epsilon: 1e-6)
        }
        upsampler =
            upsample
            ? try Conv2D(
                source("upsamplers.0.conv").expecting(side: 2 * source.side), in: outChannels, out: outChannels,
                isDoubled: true) : nil
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        var h = x
        for resnet in resnets { h = try resnet(h, compute) }
        return try upsampler?(h, compute, resized: (2 * h.height, 2 * h.width)) ?? h
    }
}
