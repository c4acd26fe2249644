import Layers
import Tensors

/// A text as a whole, for the time embedding (diffusers' `TextTimeEmbedding`, as in DeepFloyd IF): the mean of its
/// tokens attends to all of them and to itself.
struct TextTimeEmbedding: Sendable {
    private let norm1: LayerNorm
    private let position: [Float]
    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let projection: Linear
    private let norm2: LayerNorm
    private let heads: Int
    private let dim: Int

    init(_ source: LayerSource, in channels: Int, out outChannels: Int, heads: Int) throws {
        // Once an image, so eight bits would save nothing.
        let text = source.multiplying(source.compute.operands)
        let pool = text("pool")
        norm1 = try LayerNorm(source("norm1"), channels: channels)
        position = try pool.weights.read("positional_embedding", shape: [1, channels]) { Array($0) }
        toQuery = try Linear(pool("q_proj"), in: channels, out: channels)
        toKey = try Linear(pool("k_proj"), in: channels, out: channels)
        toValue = try Linear(pool("v_proj"), in: channels, out: channels)
        projection = try Linear(text("proj"), in: channels, out: outChannels)
        norm2 = try LayerNorm(source("norm2"), channels: outChannels)
        self.heads = heads
        dim = channels / heads
    }

    /// - Parameters:
    ///   - text: [1, 1, tokens, channels], one text
    ///   - count: how many of its tokens are not padding
    /// - Returns: [1, 1, 1, outChannels], in memory of its own
    func callAsFunction(_ text: Tensor, count: Int, _ compute: Compute) throws -> Tensor {
        try compute.arena.plan { _ = try pooled(text, count: count, compute) }
        return try pooled(text, count: count, compute).copy()
    }

    private func pooled(_ text: Tensor, count: Int, _ compute: Compute) throws -> Tensor {
        let channels = text.channels
        let states = try norm1(text, compute, asOperand: false)
        let mean = try compute.tensor(1, 1, 1, channels)
        let tokens = try compute.tensor(1, 1, count + 1, channels)
        if !compute.arena.isPlanning {
            for channel in 0..<channels {
                let sum = (0..<count).reduce(0 as Float) { $0 + states.pointer[$1 * channels + channel] }
                mean.pointer[channel] = sum / Float(count) + position[channel]
            }
            tokens.pointer.update(from: mean.pointer, count: channels)
            (tokens.pointer + channels).update(from: states.pointer, count: count * channels)
        }
        let asOperand = dim % 2 == 0
        let values = try compute.transposedValues(
            TokenRows(try toValue(tokens, compute, asOperand: asOperand)), heads: heads, dim: dim)
        let attended = try compute.attention(
            query: TokenRows(try toQuery(mean, compute, asOperand: asOperand)),
            key: TokenRows(try toKey(tokens, compute, asOperand: asOperand)), values: values, heads: heads, dim: dim)
        return try norm2(try projection(attended, compute), compute, asOperand: false)
    }
}
