import Layers
import Tensors

/// What the transformers of one level have in common.
struct TransformerShape {
    var channels: Int
    var heads: Int
    var contextChannels: Int
    var layers: Int
    var normGroups: Int
    var onlyCrossAttention: Bool
}

/// A stack of transformer blocks over the pixels, with a projection in and out and a residual around it
/// (diffusers' `Transformer2DModel`). Linear and 1×1-convolution projections are one thing here: pixels are rows of
/// channels either way.
struct Transformer2D: Sendable {
    private let norm: GroupNorm
    private let projIn: Linear
    private let blocks: [BasicTransformerBlock]
    private let projOut: Linear

    init(_ source: LayerSource, _ shape: TransformerShape, slots: AttentionSlots) throws {
        norm = try GroupNorm(
            source("norm"), channels: shape.channels, groups: shape.normGroups, epsilon: 1e-6)
        projIn = try Linear(source("proj_in"), in: shape.channels, out: shape.channels)
        blocks = try (0..<shape.layers).map {
            try BasicTransformerBlock(
                source("transformer_blocks", $0).multiplying(source.compute.blockOperands), shape, slots: slots)
        }
        projOut = try Linear(source("proj_out"), in: shape.channels, out: shape.channels)
    }

    func callAsFunction(_ x: Tensor, _ conditioning: Conditioning, _ compute: Compute) throws -> Tensor {
        var h = try projIn(try norm(x, compute), compute)
        for block in blocks { h = try block(h, conditioning, compute) }
        return try projOut(h, compute, residual: x, precedesNorm: true)
    }
}

/// self-attention → cross-attention → feed-forward, each after a layer norm and with a residual.
private struct BasicTransformerBlock: Sendable {
    private enum First: Sendable {
        case pixels(SelfAttention)
        /// `only_cross_attention`: the first attention looks at the text too.
        case text(CrossAttention)
    }

    private let norm1: LayerNorm
    private let attn1: First
    private let norm2: LayerNorm
    private let attn2: CrossAttention
    private let norm3: LayerNorm
    private let feedForward: FeedForward

    init(_ source: LayerSource, _ shape: TransformerShape, slots: AttentionSlots) throws {
        func cross(_ key: String) throws -> CrossAttention {
            try CrossAttention(
                source(key), channels: shape.channels, contextChannels: shape.contextChannels, heads: shape.heads,
                slots: slots)
        }
        norm1 = try LayerNorm(source("norm1"), channels: shape.channels)
        attn1 =
            shape.onlyCrossAttention
            ? .text(try cross("attn1"))
            : .pixels(try SelfAttention(source("attn1"), channels: shape.channels, heads: shape.heads, slots: slots))
        norm2 = try LayerNorm(source("norm2"), channels: shape.channels)
        attn2 = try cross("attn2")
        norm3 = try LayerNorm(source("norm3"), channels: shape.channels)
        feedForward = try FeedForward(source("ff"), channels: shape.channels)
    }

    func callAsFunction(_ x: Tensor, _ conditioning: Conditioning, _ compute: Compute) throws -> Tensor {
        var h = x
        switch attn1 {
        case .pixels(let attention): h = try attention(try norm1(h, compute), conditioning, compute, residual: h)
        case .text(let attention): h = try attention(try norm1(h, compute), conditioning, compute, residual: h)
        }
        h = try attn2(try norm2(h, compute), conditioning, compute, residual: h)
        return try feedForward(try norm3(h, compute), compute, residual: h)
    }
}

/// GEGLU (Shazeer 2020) four times as wide, then back.
private struct FeedForward: Sendable {
    private let geglu: Linear
    private let out: Linear

    init(_ source: LayerSource, channels: Int) throws {
        geglu = try Linear(source("net.0.proj"), in: channels, out: 4 * channels, activation: .geglu)
        out = try Linear(source("net.2"), in: 4 * channels, out: channels)
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute, residual: Tensor) throws -> Tensor {
        try out(try geglu(x, compute, asOperand: true), compute, residual: residual)
    }
}
