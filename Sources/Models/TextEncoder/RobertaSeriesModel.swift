import Layers
import Tensors

/// AltDiffusion's text encoder (Chen et al. 2022; diffusers' `RobertaSeriesModelWithTransformation`): XLM-R (Conneau et
/// al. 2020) and a linear layer to the width that the UNet knows from CLIP.
package struct RobertaSeriesModel: TextEncoder {
    package let config: RobertaSeriesConfig
    private let embeddings: RobertaEmbeddings
    private let layers: [RobertaLayer]
    /// Of the eighteen-language model.
    private let preLayerNorm: LayerNorm?
    private let transformation: Linear

    package init(_ source: LayerSource, _ config: RobertaSeriesConfig) throws {
        self.config = config
        let roberta = source("roberta")
        embeddings = try RobertaEmbeddings(roberta("embeddings"), config)
        // The last layer of the eighteen-language model is in its files, but nothing listens to it.
        let listened = config.layerCount - (config.hasPreTransformation ? 1 : 0)
        layers = try (0..<listened).map { try RobertaLayer(roberta("encoder.layer", $0), config) }
        preLayerNorm =
            config.hasPreTransformation
            ? try LayerNorm(source("pre_LN"), channels: config.hiddenSize, epsilon: config.epsilon) : nil
        transformation = try Linear(
            source(config.hasPreTransformation ? "transformation_pre" : "transformation"), in: config.hiddenSize,
            out: config.projectionSize)
    }

    package func callAsFunction(
        _ texts: [EncoderTokens], _ layer: TextLayer, _ compute: Compute
    ) throws -> TextStates {
        try requireLastLayer(layer, of: "AltDiffusion's text encoder")
        let input = try embeddings(texts)
        let hidden =
            config.hidesPadding
            ? try Tensor.hiding(paddingAfter: texts.map(\.count), tokens: input.pixels) : nil
        try compute.arena.plan { _ = try run(input, hidden, compute) }
        return TextStates(states: try run(input, hidden, compute).copy())
    }

    /// - Returns: [texts, 1, tokens, projectionSize]
    private func run(_ embeddings: Tensor, _ hidden: Tensor?, _ compute: Compute) throws -> Tensor {
        var x = try self.embeddings.normalised(embeddings, compute)
        for layer in layers { x = try layer(x, hidden, compute) }
        if let preLayerNorm { x = try preLayerNorm(x, compute) }
        return try transformation(x, compute)
    }
}

/// Token, position and token type embeddings, added and normalised.
private struct RobertaEmbeddings: Sendable {
    private let word: TokenLookup
    private let position: Embedding
    private let tokenType: Embedding
    private let layerNorm: LayerNorm
    private let paddingID: Int

    init(_ source: LayerSource, _ config: RobertaSeriesConfig) throws {
        let width = config.hiddenSize
        word = TokenLookup(
            table: try Embedding(source("word_embeddings"), count: config.vocabularySize, channels: width),
            channels: width, longest: config.maximumLength)
        position = try Embedding(source("position_embeddings"), count: config.positionCount, channels: width)
        tokenType = try Embedding(source("token_type_embeddings"), count: config.tokenTypes, channels: width)
        layerNorm = try LayerNorm(source("LayerNorm"), channels: width, epsilon: config.epsilon)
        paddingID = config.paddingID
    }

    /// The sums.
    func callAsFunction(_ texts: [EncoderTokens]) throws -> Tensor {
        let states = try word(texts)
        for (text, tokens) in texts.enumerated() {
            var last = paddingID
            for (token, id) in tokens.ids.enumerated() {
                // Padding does not count, and all of it sits at the position of its own id.
                if id != paddingID { last += 1 }
                let row = states.pointer + (text * states.pixels + token) * states.channels
                position.add(id == paddingID ? paddingID : last, to: row)
                tokenType.add(0, to: row)
            }
        }
        return states
    }

    func normalised(_ sums: Tensor, _ compute: Compute) throws -> Tensor {
        try layerNorm(sums, compute, asOperand: false)
    }
}

/// One post-norm transformer layer: every token sees every other.
private struct RobertaLayer: Sendable {
    private let queryKeyValue: Linear
    private let attentionOutput: Linear
    private let attentionNorm: LayerNorm
    private let intermediate: Linear
    private let output: Linear
    private let outputNorm: LayerNorm
    private let heads: Int

    init(_ source: LayerSource, _ config: RobertaSeriesConfig) throws {
        let width = config.hiddenSize
        let attention = source("attention")
        queryKeyValue = try Linear(
            joining: ["self.query", "self.key", "self.value"].map { attention($0) }, in: width, out: width, bias: true)
        attentionOutput = try Linear(attention("output.dense"), in: width, out: width)
        attentionNorm = try LayerNorm(attention("output.LayerNorm"), channels: width, epsilon: config.epsilon)
        intermediate = try Linear(
            source("intermediate.dense"), in: width, out: config.intermediateSize, activation: .gelu)
        output = try Linear(source("output.dense"), in: config.intermediateSize, out: width)
        outputNorm = try LayerNorm(source("output.LayerNorm"), channels: width, epsilon: config.epsilon)
        heads = config.headCount
    }

    /// - Parameter hidden: what hides padding, [texts, 1, 1, tokens]
    func callAsFunction(_ x: Tensor, _ hidden: Tensor?, _ compute: Compute) throws -> Tensor {
        let width = x.channels
        let dim = width / heads
        let qkv = try queryKeyValue(x, compute, asOperand: dim % 2 == 0)
        let values = try compute.transposedValues(TokenRows(qkv, offset: 2 * width), heads: heads, dim: dim)
        let attended = try compute.attention(
            query: TokenRows(qkv), key: TokenRows(qkv, offset: width), values: values, heads: heads, dim: dim,
            keyBias: hidden)
        let h = try attentionNorm(try attentionOutput(attended, compute, residual: x), compute, asOperand: false)
        let fed = try output(try intermediate(h, compute, asOperand: true), compute, residual: h)
        return try outputNorm(fed, compute, asOperand: false)
    }
}
