import Layers
import Tensors

/// Attention of pixels to each other (checkpoint keys `to_q`, `to_k`, `to_v`, `to_out.0`).
struct SelfAttention: Sendable {
    private let queryKeyValue: Linear
    private let toOut: Linear
    private let heads: Int
    private let slot: Int

    init(_ source: LayerSource, channels: Int, heads: Int, slots: AttentionSlots) throws {
        queryKeyValue = try Linear(
            joining: ["to_q", "to_k", "to_v"].map { source($0) }, in: channels, out: channels, bias: false)
        toOut = try Linear(source("to_out.0"), in: channels, out: channels)
        self.heads = heads
        slot = slots.selfAttentions.count
        slots.selfAttentions.append(source.weights.prefix)
    }

    func callAsFunction(
        _ x: Tensor, _ conditioning: Conditioning, _ compute: Compute, residual: Tensor
    ) throws -> Tensor {
        let channels = x.channels
        let dim = channels / heads
        let qkv = try queryKeyValue(x, compute, asOperand: dim % 2 == 0)
        let values = try compute.transposedValues(TokenRows(qkv, offset: 2 * channels), heads: heads, dim: dim)
        let attended = try compute.attention(
            query: TokenRows(qkv), key: TokenRows(qkv, offset: channels), values: values, heads: heads, dim: dim)
        try conditioning.selfAttention?.apply(
            slot: slot, to: attended, queryKeyValue: qkv, heads: heads, compute)
        return try toOut(attended, compute, residual: residual)
    }
}

/// Attention of pixels to the text. Keys and values depend on the text alone, so they are computed once an image
/// and found again by the layer's slot.
struct CrossAttention: Sendable {
    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let toOut: Linear
    private let heads: Int
    private let dim: Int
    private let slot: Int

    init(
        _ source: LayerSource, channels: Int, contextChannels: Int, heads: Int, slots: AttentionSlots
    ) throws {
        toQuery = try Linear(source("to_q"), in: channels, out: channels, bias: false)
        // Once an image, and texts have a few channels so large that eight bits leave little for the others.
        let text = source.multiplying(source.compute.operands)
        toKey = try Linear(text("to_k"), in: contextChannels, out: channels, bias: false)
        toValue = try Linear(text("to_v"), in: contextChannels, out: channels, bias: false)
        toOut = try Linear(source("to_out.0"), in: channels, out: channels)
        self.heads = heads
        dim = channels / heads
        slot = slots.layers.count
        slots.layers.append(self)
    }

    /// - Parameter text: [batch, 1, tokens, contextChannels]
    func keyValues(_ text: Tensor, _ compute: Compute) throws -> Conditioning.KeyValues {
        let key = try toKey(text, compute, asOperand: dim % 2 == 0).copy()
        let values = try compute.transposedValues(
            TokenRows(try toValue(text, compute, asOperand: dim % 2 == 0)), heads: heads, dim: dim, persistent: true)
        return Conditioning.KeyValues(key: key, values: values)
    }

    func callAsFunction(
        _ x: Tensor, _ conditioning: Conditioning, _ compute: Compute, residual: Tensor
    ) throws -> Tensor {
        let text = conditioning.keyValues[slot]
        let attended = try compute.attention(
            query: TokenRows(try toQuery(x, compute, asOperand: dim % 2 == 0)), key: TokenRows(text.key),
            values: text.values, heads: heads, dim: dim, keyBias: conditioning.hidden)
        return try toOut(attended, compute, residual: residual)
    }
}

/// Collects the attentions of a network while it is built, in order.
final class AttentionSlots {
    /// Those that look at the text.
    var layers: [CrossAttention] = []
    /// The keys of those that look at the picture.
    var selfAttentions: [String] = []
}
