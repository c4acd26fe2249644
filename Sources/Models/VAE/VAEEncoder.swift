import Layers
import Tensors

/// Picture → mean and logarithm of the variance of its latents.
struct VAEEncoder: Sendable {
    private let convIn: Conv2D
    private let downBlocks: [DownEncoderBlock]
    private let midBlock: VAEMidBlock
    private let convNormOut: GroupNorm
    private let convOut: Conv2D

    init(_ source: LayerSource, _ config: AutoencoderConfig) throws {
        let channels = config.blockOutChannels
        let last = channels.count - 1
        convIn = try Conv2D(
            source("conv_in").expecting(side: source.side << last), in: config.pictureChannels, out: channels[0])
        downBlocks = try (0...last).map { level in
            try DownEncoderBlock(
                source("down_blocks", level).expecting(side: source.side << (last - level)),
                in: channels[max(level - 1, 0)], out: channels[level], config,
                downsample: level < last)
        }
        midBlock = try VAEMidBlock(source("mid_block"), config)
        convNormOut = try GroupNorm(
            source("conv_norm_out"), channels: channels[last], groups: config.normGroups, epsilon: 1e-6)
        convOut = try Conv2D(source("conv_out"), in: channels[last], out: 2 * config.latentChannels)
    }

    func callAsFunction(_ picture: Tensor, _ compute: Compute) throws -> Tensor {
        var h = try convIn(picture, compute)
        for block in downBlocks { h = try block(h, compute) }
        h = try midBlock(h, compute)
        h = try convNormOut(h, compute, silu: true)
        return try convOut(h, compute)
    }
}

private struct DownEncoderBlock: Sendable {
    let resnets: [ResnetBlock]
    let downsampler: Conv2D?

    init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, _ config: AutoencoderConfig,
        downsample: Bool
    ) throws {
        resnets = try (0..<config.layersPerBlock).map {
            try ResnetBlock(
                source("resnets", $0), in: $0 == 0 ? inChannels : outChannels, out: outChannels,
                groups: config.normGroups, epsilon: 1e-6)
        }
        // The picture is padded below and to the right only.
        var geometry = ConvolutionGeometry(stride: 2)
        (geometry.padBottom, geometry.padRight) = (1, 1)
        downsampler =
            downsample
            ? try Conv2D(
                source("downsamplers.0.conv"), in: outChannels, out: outChannels, kernel: 3, geometry: geometry)
            : nil
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        var h = x
        for resnet in resnets { h = try resnet(h, compute) }
        return try downsampler?(h, compute) ?? h
    }
}
