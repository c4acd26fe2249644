import Layers
import Tensors

/// What every block of a UNet is given while the network runs.
struct UNetState {
    /// [batch, 1, 1, timeEmbeddingChannels], SiLU applied
    let time: Tensor
    let conditioning: Conditioning
    let compute: Compute
}

/// `DownBlock2D` and `CrossAttnDownBlock2D`.
struct DownBlock: Sendable {
    private let resnets: [ResnetBlock]
    private let attentions: [Transformer2D]
    private let downsampler: Conv2D?

    init(
        _ source: LayerSource, in inChannels: Int, level: Int, _ config: UNetConfig, slots: AttentionSlots
    ) throws {
        let source = source.expecting(side: config.side(level: level))
        let channels = config.blockOutChannels[level]
        let layers = config.layersPerBlock[level]
        resnets = try (0..<layers).map {
            try ResnetBlock(
                source("resnets", $0), in: $0 == 0 ? inChannels : channels, out: channels, config: config)
        }
        attentions =
            config.downBlocks[level] == .plain
            ? []
            : try (0..<layers).map {
                let shape = config.transformerShape(level: level, layers: config.transformerLayers[level][$0])
                return try Transformer2D(source("attentions", $0), shape, slots: slots)
            }
        downsampler =
            level == config.levels - 1
            ? nil : try Conv2D(source("downsamplers.0.conv"), in: channels, out: channels, stride: 2)
    }

    /// Appends every output that the way up will want to `skips`.
    func callAsFunction(_ x: Tensor, skips: inout [Tensor], _ state: UNetState) throws -> Tensor {
        var h = x
        for index in resnets.indices {
            h = try layer(index, h, state)
            skips.append(h)
        }
        if let downsampler {
            h = try downsampler(h, state.compute)
            skips.append(h)
        }
        return h
    }

    /// A resnet block and the attention after it.
    func layer(_ index: Int, _ x: Tensor, _ state: UNetState) throws -> Tensor {
        let h = try resnets[index](x, state.compute, time: state.time)
        return index < attentions.count ? try attentions[index](h, state.conditioning, state.compute) : h
    }
}

/// `UNetMidBlock2DCrossAttn` and `UNetMidBlock2D` (which has no attention in a UNet of this kind's use).
struct MidBlock: Sendable {
    private let resnets: [ResnetBlock]
    private let attention: Transformer2D?

    init(_ source: LayerSource, _ kind: UNetConfig.BlockKind, _ config: UNetConfig, slots: AttentionSlots)
        throws
    {
        let level = config.levels - 1
        let source = source.expecting(side: config.side(level: level))
        let channels = config.blockOutChannels[level]
        resnets = try (0..<(kind == .plain ? 1 : 2)).map {
            try ResnetBlock(source("resnets", $0), in: channels, out: channels, config: config)
        }
        var shape = config.transformerShape(level: level, layers: config.transformerLayers[level][0])
        shape.onlyCrossAttention = false
        attention = kind == .plain ? nil : try Transformer2D(source("attentions.0"), shape, slots: slots)
    }

    func callAsFunction(_ x: Tensor, _ state: UNetState) throws -> Tensor {
        var h = x
        for (index, resnet) in resnets.enumerated() {
            if index == 1, let attention { h = try attention(h, state.conditioning, state.compute) }
            h = try resnet(h, state.compute, time: state.time)
        }
        return h
    }
}

/// `UpBlock2D` and `CrossAttnUpBlock2D`.
struct UpBlock: Sendable {
    private let resnets: [ResnetBlock]
    private let attentions: [Transformer2D]
    private let upsampler: Conv2D?

    /// - Parameter index: 0 for the narrowest level
    init(_ source: LayerSource, index: Int, _ config: UNetConfig, slots: AttentionSlots) throws {
        let level = config.levels - 1 - index
        let source = source.expecting(side: config.side(level: level))
        let channels = config.blockOutChannels[level]
        let before = config.blockOutChannels[min(level + 1, config.levels - 1)]
        let skipBelow = config.blockOutChannels[max(level - 1, 0)]
        let layers = config.layersPerBlock[level] + 1
        resnets = try (0..<layers).map {
            // What comes up from the level below, and the skip that is concatenated to it.
            let main = $0 == 0 ? before : channels
            let skip = $0 == layers - 1 ? skipBelow : channels
            return try ResnetBlock(source("resnets", $0), in: main + skip, out: channels, config: config)
        }
        attentions =
            config.upBlocks[index] == .plain
            ? []
            : try (0..<layers).map {
                let shape = config.transformerShape(level: level, layers: config.reverseTransformerLayers[index][$0])
                return try Transformer2D(source("attentions", $0), shape, slots: slots)
            }
        upsampler =
            level == 0
            ? nil
            : try Conv2D(
                source("upsamplers.0.conv").expecting(side: config.side(level: level - 1)), in: channels, out: channels)
    }

    /// Where deep features enter the widest level's block: its last two layers are outermost ones.
    var firstOutermost: Int { resnets.count - 2 }

    /// Takes a tensor off `skips` for every resnet block that it runs.
    ///
    /// - Parameters:
    ///   - first: the layer that x enters
    ///   - deep: keeps what enters `firstOutermost`
    func callAsFunction(
        _ x: Tensor, skips: inout [Tensor], _ state: UNetState, from first: Int = 0, keeping deep: DeepFeatures? = nil
    ) throws -> Tensor {
        var h = x
        for index in first..<resnets.count {
            if index == firstOutermost { deep?.keep(h, state.compute) }
            h = try resnets[index](h, state.compute, skip: skips.popLast(), time: state.time)
            if index < attentions.count { h = try attentions[index](h, state.conditioning, state.compute) }
        }
        guard let upsampler else { return h }
        // The size of the skip that comes next: twice this one, or one less where the way down rounded up.
        let size = skips.last.map { ($0.height, $0.width) } ?? (2 * h.height, 2 * h.width)
        return try upsampler(h, state.compute, resized: size)
    }
}

extension UNetConfig {
    func transformerShape(level: Int, layers: Int) -> TransformerShape {
        TransformerShape(
            channels: blockOutChannels[level], heads: attentionHeads[level],
            contextChannels: crossAttentionChannels[level], layers: layers, normGroups: normGroups,
            onlyCrossAttention: onlyCrossAttention[level])
    }
}

extension ResnetBlock {
    init(_ source: LayerSource, in inChannels: Int, out outChannels: Int, config: UNetConfig) throws {
        try self.init(
            source, in: inChannels, out: outChannels, groups: config.normGroups, epsilon: config.normEpsilon,
            conditioning: config.timeConditioning, timeChannels: config.timeEmbeddingChannels)
    }
}
