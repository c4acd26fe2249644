/// What `unet/config.json` says of a `UNet2DConditionModel`; names and defaults are diffusers'.
package struct UNetConfig: Sendable, Equatable {
    package enum BlockKind: Sendable, Equatable { case plain, crossAttention }
    package enum TimeEmbeddingKind: Sendable, Equatable { case positional, fourier }

    package var sampleSize = 64
    package var inChannels = 4
    package var outChannels = 4
    package var centerInputSample = false
    package var flipSinToCos = true
    package var freqShift: Float = 0
    package var downBlocks: [BlockKind] = [.crossAttention, .crossAttention, .crossAttention, .plain]
    /// nil: the model has no mid block.
    package var midBlock: BlockKind? = .crossAttention
    package var upBlocks: [BlockKind] = [.plain, .crossAttention, .crossAttention, .crossAttention]
    package var onlyCrossAttention = [false, false, false, false]
    package var blockOutChannels = [320, 640, 1280, 1280]
    package var layersPerBlock = [2, 2, 2, 2]
    package var normGroups = 32
    package var normEpsilon: Float = 1e-5
    package var crossAttentionChannels = [768, 768, 768, 768]
    /// Width of text states that the network projects to the width of its cross-attentions itself; nil: it does not.
    package var encoderHiddenChannels: Int?
    package var transformerLayers: [TransformerDepth] = [1, 1, 1, 1]
    /// On the way up, the narrowest level first.
    package var reverseTransformerLayers: [TransformerDepth] = [1, 1, 1, 1]
    /// Heads per level. (The key is `attention_head_dim`, a misnomer that diffusers keeps for its configs' sake.)
    package var attentionHeads = [8, 8, 8, 8]
    package var timeConditioning = TimeConditioning.add
    package var timeEmbeddingKind = TimeEmbeddingKind.positional
    package var timeEmbeddingChannels = 1280
    package var convInKernel = 3
    package var convOutKernel = 3
    /// SDXL: pooled text and picture sizes join the time embedding.
    package var additionTimeChannels: Int?
    package var additionInputChannels = 0
    /// Heads of the attention that makes one vector of a text, which joins the time embedding; nil: none does.
    package var additionTextHeads: Int?
    /// Latent consistency models: width of the guidance-scale embedding.
    package var timeConditionChannels: Int?

    package init() {}

    /// Side in pixels of the feature maps of a level, for pictures of the model's own size.
    func side(level: Int) -> Int { max(1, sampleSize >> level) }
    /// Width of the text states that the network takes; several where levels were made for different texts.
    package var textChannels: Set<Int> { encoderHiddenChannels.map { [$0] } ?? Set(crossAttentionChannels) }
    package var levels: Int { blockOutChannels.count }
    /// Latents are best a multiple of this; other sizes work, as in diffusers, by cropping what is upsampled.
    package var factor: Int { 1 << (levels - 1) }
}

/// How many transformer blocks each attention of a level stacks: one number for all of the level, or one a layer.
package struct TransformerDepth: Sendable, Equatable, ExpressibleByIntegerLiteral {
    /// At least one.
    let counts: [Int]

    package init(integerLiteral count: Int) { counts = [count] }
    init(_ counts: [Int]) { self.counts = counts }

    subscript(layer: Int) -> Int { counts[counts.count == 1 ? 0 : layer] }
}
