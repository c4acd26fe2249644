import Layers
import Tensors

/// CLIP's text encoder (Radford et al. 2021; transformers' `CLIPTextModel` and `CLIPTextModelWithProjection`): token
/// ids → states, and with a projection a vector of the whole text.
package struct CLIPTextModel: TextEncoder {
    package let config: CLIPTextConfig
    private let embeddings: CLIPTextEmbeddings
    private let layers: [CLIPEncoderLayer]
    private let finalLayerNorm: LayerNorm
    private let textProjection: Linear?

    /// - Parameter source: keys without the `text_model.` prefix
    package init(_ source: LayerSource, _ config: CLIPTextConfig) throws {
        self.config = config
        embeddings = try CLIPTextEmbeddings(source("embeddings"), config)
        layers = try (0..<config.layerCount).map { try CLIPEncoderLayer(source("encoder.layers", $0), config) }
        finalLayerNorm = try LayerNorm(
            source("final_layer_norm"), channels: config.hiddenSize, epsilon: config.epsilon)
        textProjection = try config.pooledChannels.map {
            try Linear(source("text_projection"), in: config.hiddenSize, out: $0, bias: false)
        }
    }

    /// - Parameters:
    ///   - ids: one list of token ids a text, all of one length
    ///   - clipSkip: 1 for the last layer's states, 2 for those of the one before, as the webui counts
    /// - Returns: [texts, 1, tokens, hiddenSize] after the final norm
    /// - Throws: `ModelError` if an id or the length is outside what the model was made for
    package func callAsFunction(_ ids: [[Int]], clipSkip: Int = 1, _ compute: Compute) throws -> Tensor {
        try encoded(ids, TextLayer(skipped: clipSkip - 1, isNormalised: true), compute, pools: false).states
    }

    package func callAsFunction(
        _ texts: [EncoderTokens], _ layer: TextLayer, _ compute: Compute
    ) throws -> TextStates {
        try encoded(texts.map(\.ids), layer, compute, pools: textProjection != nil)
    }

    /// Makes room for texts of so many tokens.
    package func plan(texts: Int, tokens: Int, _ compute: Compute) throws {
        let input = try Tensor(batch: texts, height: 1, width: tokens, channels: config.hiddenSize)
        let layer = TextLayer(skipped: 0, isNormalised: true)
        try compute.arena.plan { _ = try run(input, layer, ends: [], compute) }
    }

    private func encoded(
        _ ids: [[Int]], _ layer: TextLayer, _ compute: Compute, pools: Bool
    ) throws -> TextStates {
        guard (0...config.layerCount).contains(layer.skipped) else {
            throw ModelError(
                "clip skip \(layer.skipped + 1) is out of range: this text encoder has \(config.layerCount) layers, "
                    + "so 1 to \(config.largestClipSkip) can be asked for")
        }
        let input = try embeddings(ids)
        let ends = pools ? ids.map(end) : []
        try compute.arena.plan { _ = try run(input, layer, ends: ends, compute) }
        let (states, pooled) = try run(input, layer, ends: ends, compute)
        return TextStates(
            states: try states.copy(),
            pooled: pooled.map { pooled in
                (0..<pooled.batch).map { Array(pooled.buffer[$0 * pooled.channels..<($0 + 1) * pooled.channels]) }
            })
    }

    /// Where the state lies that stands for the whole text.
    private func end(of ids: [Int]) -> Int {
        if let id = config.endID { return ids.firstIndex(of: id) ?? 0 }
        return ids.indices.max { ids[$0] < ids[$1] || (ids[$0] == ids[$1] && $0 > $1) } ?? 0
    }

    /// - Parameter ends: of every text, where the state to pool lies; empty if none is wanted
    /// - Returns: states, and [texts, 1, 1, pooledChannels], in the arena
    private func run(
        _ embeddings: Tensor, _ layer: TextLayer, ends: [Int], _ compute: Compute
    ) throws -> (states: Tensor, pooled: Tensor?) {
        var x = embeddings
        let listening = layers.count - layer.skipped
        for layer in layers.prefix(listening) { x = try layer(x, compute) }
        let states = layer.isNormalised ? try finalLayerNorm(x, compute, asOperand: false) : x
        guard let textProjection, !ends.isEmpty else { return (states, nil) }
        for layer in layers.dropFirst(listening) { x = try layer(x, compute) }
        let normalised = try finalLayerNorm(x, compute, asOperand: false)
        let rows = try compute.tensor(ends.count, 1, 1, x.channels)
        if !compute.arena.isPlanning {
            for (text, end) in ends.enumerated() {
                let row = normalised.pointer + (text * normalised.pixels + end) * x.channels
                (rows.pointer + text * x.channels).update(from: row, count: x.channels)
            }
        }
        return (states, try textProjection(rows, compute))
    }
}

/// Token and position embeddings, added.
private struct CLIPTextEmbeddings: Sendable {
    let token: Embedding
    let position: Embedding
    let channels: Int

    init(_ source: LayerSource, _ config: CLIPTextConfig) throws {
        channels = config.hiddenSize
        token = try Embedding(source("token_embedding"), count: config.vocabularySize, channels: channels)
        position = try Embedding(source("position_embedding"), count: config.maximumLength, channels: channels)
    }

    func callAsFunction(_ ids: [[Int]]) throws -> Tensor {
        let length = ids.first?.count ?? 0
        guard length >= 1, length <= position.count, ids.allSatisfy({ $0.count == length }) else {
            throw ModelError("texts of \(length) tokens do not fit a text encoder of \(position.count) positions")
        }
        let states = try Tensor(batch: ids.count, height: 1, width: length, channels: channels)
        for (row, id) in ids.joined().enumerated() {
            guard (0..<token.count).contains(id) else {
                throw ModelError(
                    "the tokenizer gave id \(id), but the text encoder knows \(token.count): they are not of one "
                        + "model")
            }
            token.add(id, to: states.pointer + row * channels)
            position.add(row % length, to: states.pointer + row * channels)
        }
        return states
    }
}

/// One pre-norm transformer layer with causal self-attention.
private struct CLIPEncoderLayer: Sendable {
    let layerNorm1: LayerNorm
    let queryKeyValue: Linear
    let outProjection: Linear
    let layerNorm2: LayerNorm
    let fc1: Linear
    let fc2: Linear
    let heads: Int

    init(_ source: LayerSource, _ config: CLIPTextConfig) throws {
        let width = config.hiddenSize
        let attention = source("self_attn")
        layerNorm1 = try LayerNorm(source("layer_norm1"), channels: width, epsilon: config.epsilon)
        queryKeyValue = try Linear(
            joining: ["q_proj", "k_proj", "v_proj"].map { attention($0) }, in: width, out: width, bias: true)
        outProjection = try Linear(attention("out_proj"), in: width, out: width)
        layerNorm2 = try LayerNorm(source("layer_norm2"), channels: width, epsilon: config.epsilon)
        fc1 = try Linear(
            source("mlp.fc1"), in: width, out: config.intermediateSize, activation: config.activation)
        fc2 = try Linear(source("mlp.fc2"), in: config.intermediateSize, out: width)
        heads = config.headCount
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        let width = x.channels
        let qkv = try queryKeyValue(try layerNorm1(x, compute), compute, asOperand: width / heads % 2 == 0)
        let values = try compute.transposedValues(
            TokenRows(qkv, offset: 2 * width), heads: heads, dim: width / heads)
        let attended = try compute.attention(
            query: TokenRows(qkv), key: TokenRows(qkv, offset: width), values: values, heads: heads,
            dim: width / heads, causal: true)
        let h = try outProjection(attended, compute, residual: x)
        return try fc2(try fc1(try layerNorm2(h, compute), compute, asOperand: true), compute, residual: h)
    }
}
