import Layers
import Tensors

/// Single-head self-attention over the pixels with a group norm before it and a residual around it (diffusers'
/// `Attention` in `UNetMidBlock2D`).
struct VAEAttention: Sendable {
    private let groupNorm: GroupNorm
    private let queryKeyValue: Linear
    private let toOut: Linear

    init(_ source: LayerSource, channels: Int, groups: Int) throws {
        groupNorm = try GroupNorm(source("group_norm"), channels: channels, groups: groups, epsilon: 1e-6)
        queryKeyValue = try Linear(
            joining: ["to_q", "to_k", "to_v"].map { source($0) }, in: channels, out: channels, bias: true)
        toOut = try Linear(source("to_out.0"), in: channels, out: channels)
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        let channels = x.channels
        let qkv = try queryKeyValue(try groupNorm(x, compute), compute, asOperand: channels % 2 == 0)
        let values = try compute.transposedValues(TokenRows(qkv, offset: 2 * channels), heads: 1, dim: channels)
        let attended = try compute.attention(
            query: TokenRows(qkv), key: TokenRows(qkv, offset: channels), values: values, heads: 1, dim: channels)
        return try toOut(attended, compute, residual: x, precedesNorm: true)
    }
}

/// resnet → attention → resnet, the narrowest part of encoder and decoder.
struct VAEMidBlock: Sendable {
    private let resnets: [ResnetBlock]
    private let attention: VAEAttention?

    init(_ source: LayerSource, _ config: AutoencoderConfig) throws {
        let channels = config.blockOutChannels.last ?? 0
        resnets = try (0..<2).map {
            try ResnetBlock(
                source("resnets", $0), in: channels, out: channels, groups: config.normGroups, epsilon: 1e-6)
        }
        attention =
            config.midBlockAttention
            ? try VAEAttention(source("attentions.0"), channels: channels, groups: config.normGroups) : nil
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        var h = try resnets[0](x, compute)
        if let attention { h = try attention(h, compute) }
        return try resnets[1](h, compute)
    }
}
