import Glibc
import Layers
import Tensors

/// T5's encoder (Raffel et al. 2020; transformers' `T5EncoderModel`): token ids → states. Positions are known by a bias
/// on the scores of attention alone, so texts may be as long as one likes.
package struct T5EncoderModel: TextEncoder {
    package let config: T5Config
    private let embedding: TokenLookup
    private let positions: T5RelativePositions
    private let blocks: [T5Block]
    private let finalLayerNorm: RMSNorm

    package init(_ source: LayerSource, _ config: T5Config) throws {
        self.config = config
        // The table has two names, of which files have either or both.
        let name = source.weights.contains("shared.weight") ? "shared" : "encoder.embed_tokens"
        embedding = TokenLookup(
            table: try Embedding(source(name), count: config.vocabularySize, channels: config.channels),
            channels: config.channels, longest: config.maximumLength)
        // The first layer's bias is every layer's.
        let attention = source("encoder.block.0.layer.0.SelfAttention")
        positions = try T5RelativePositions(attention("relative_attention_bias"), config)
        blocks = try (0..<config.layerCount).map { try T5Block(source("encoder.block", $0), config) }
        finalLayerNorm = try RMSNorm(
            source("encoder.final_layer_norm"), channels: config.channels, epsilon: config.epsilon)
    }

    package func callAsFunction(
        _ texts: [EncoderTokens], _ layer: TextLayer, _ compute: Compute
    ) throws -> TextStates {
        try requireLastLayer(layer, of: "T5's text encoder")
        let input = try embedding(texts)
        let bias = try positions.bias(tokens: input.pixels)
        let hidden =
            config.hidesPadding
            ? try Tensor.hiding(paddingAfter: texts.map(\.count), tokens: input.pixels) : nil
        func run() throws -> Tensor {
            var x = input
            for block in blocks { x = try block(x, bias: bias, hidden: hidden, compute) }
            return try finalLayerNorm(x, compute, asOperand: false)
        }
        try compute.arena.plan { _ = try run() }
        return TextStates(states: try run().copy())
    }
}

/// How much a token cares for another by the distance between them, learnt for ranges of distances ("buckets").
package struct T5RelativePositions: Sendable {
    private let table: Embedding
    private let heads: Int
    private let buckets: Int
    private let maximumDistance: Int

    init(_ source: LayerSource, _ config: T5Config) throws {
        table = try Embedding(source, count: config.bucketCount, channels: config.headCount)
        (heads, buckets, maximumDistance) = (config.headCount, config.bucketCount, config.maximumDistance)
    }

    /// [1, heads, keys, queries]
    func bias(tokens: Int) throws -> Tensor {
        // [distance from -(tokens - 1) on, heads]
        let distances = 2 * tokens - 1
        let values = try Tensor(batch: 1, height: 1, width: distances, channels: heads)
        for index in 0..<distances {
            let bucket = Self.bucket(index - (tokens - 1), buckets: buckets, maximumDistance: maximumDistance)
            table.add(bucket, to: values.pointer + index * heads)
        }
        let bias = try Tensor(batch: 1, height: heads, width: tokens, channels: tokens)
        for head in 0..<heads {
            for key in 0..<tokens {
                let row = bias.pointer + (head * tokens + key) * tokens
                for query in 0..<tokens {
                    row[query] = values.pointer[(key - query + tokens - 1) * heads + head]
                }
            }
        }
        return bias
    }

    /// The range of a distance from a query to a key: half of the ranges are for keys behind the query, half for keys
    /// before it; of these the first half for one distance each, the rest for logarithmically growing ones, as in
    /// transformers' `_relative_position_bucket`, in its precision.
    package static func bucket(_ distance: Int, buckets: Int, maximumDistance: Int) -> Int {
        let half = buckets / 2
        let start = distance > 0 ? half : 0
        let length = abs(distance)
        let exact = half / 2
        guard length >= exact else { return start + length }
        let share = logf(Float(length) / Float(exact)) / Float(log(Double(maximumDistance) / Double(exact)))
        return start + min(half - 1, exact + Int(share * Float(half - exact)))
    }
}

/// Self-attention and feed-forward, each after a norm and with a residual.
private struct T5Block: Sendable {
    private let attentionNorm: RMSNorm
    private let queryKeyValue: Linear
    private let attentionOut: Linear
    private let feedForwardNorm: RMSNorm
    private let feedForward: T5FeedForward
    private let heads: Int
    private let dim: Int

    init(_ source: LayerSource, _ config: T5Config) throws {
        (heads, dim) = (config.headCount, config.headSize)
        let attention = source("layer.0.SelfAttention")
        attentionNorm = try RMSNorm(source("layer.0.layer_norm"), channels: config.channels, epsilon: config.epsilon)
        queryKeyValue = try Linear(
            joining: ["q", "k", "v"].map { attention($0) }, in: config.channels, out: heads * dim, bias: false)
        attentionOut = try Linear(attention("o"), in: heads * dim, out: config.channels, bias: false)
        feedForwardNorm = try RMSNorm(source("layer.1.layer_norm"), channels: config.channels, epsilon: config.epsilon)
        feedForward = try T5FeedForward(source("layer.1.DenseReluDense"), config)
    }

    /// - Parameters:
    ///   - bias: what distances are worth, [1, heads, keys, queries]
    ///   - hidden: what hides padding, [texts, 1, 1, tokens]
    func callAsFunction(_ x: Tensor, bias: Tensor, hidden: Tensor?, _ compute: Compute) throws -> Tensor {
        let inner = heads * dim
        let qkv = try queryKeyValue(try attentionNorm(x, compute), compute, asOperand: dim % 2 == 0)
        let values = try compute.transposedValues(TokenRows(qkv, offset: 2 * inner), heads: heads, dim: dim)
        // T5 was trained with what others divide by √dim in the weights.
        let attended = try compute.attention(
            query: TokenRows(qkv), key: TokenRows(qkv, offset: inner), values: values, heads: heads, dim: dim, scale: 1,
            bias: bias, keyBias: hidden)
        let h = try attentionOut(attended, compute, residual: x)
        return try feedForward(try feedForwardNorm(h, compute), compute, residual: h)
    }
}

private struct T5FeedForward: Sendable {
    private enum First: Sendable {
        case rectified(Linear)
        /// Gates and values side by side.
        case gated(Linear)
    }

    private let first: First
    private let out: Linear

    init(_ source: LayerSource, _ config: T5Config) throws {
        let (width, inner) = (config.channels, config.feedForwardSize)
        switch config.feedForward {
        case .rectified: first = .rectified(try Linear(source("wi"), in: width, out: inner, bias: false))
        case .gated:
            first = .gated(
                try Linear(joining: [source("wi_0"), source("wi_1")], in: width, out: inner, bias: false))
        }
        out = try Linear(source("wo"), in: inner, out: width, bias: false)
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute, residual: Tensor) throws -> Tensor {
        let activated =
            switch first {
            case .rectified(let linear): try compute.rectified(try linear(x, compute))
            case .gated(let linear): try compute.gated(try linear(x, compute))
            }
        return try out(activated, compute, residual: residual)
    }
}
