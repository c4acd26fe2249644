import Layers
import Tensors

/// The network that predicts noise, velocity or the clean latents from noisy ones, a timestep and text (Rombach et
/// al. 2022; diffusers' `UNet2DConditionModel`).
package struct UNet2DConditionModel: Sendable {
    package let config: UNetConfig
    private let convIn: Conv2D
    private let timeEmbedding: TimeEmbedding
    private let encoderHidProj: Linear?
    private let downBlocks: [DownBlock]
    private let midBlock: MidBlock?
    private let upBlocks: [UpBlock]
    private let convNormOut: GroupNorm
    private let convOut: Conv2D
    private let crossAttentions: [CrossAttention]
    /// Where the self-attentions lie in the checkpoint, by their slots.
    let selfAttentionKeys: [String]

    package init(_ source: LayerSource, _ config: UNetConfig) throws {
        let slots = AttentionSlots()
        let channels = config.blockOutChannels
        self.config = config
        let source = source.expecting(side: config.side(level: 0))
        convIn = try Conv2D(
            source("conv_in"), in: config.inChannels, out: channels[0], kernel: config.convInKernel)
        timeEmbedding = try TimeEmbedding(source, config)
        encoderHidProj = try config.encoderHiddenChannels.map {
            try Linear(source("encoder_hid_proj"), in: $0, out: config.crossAttentionChannels[0])
        }
        downBlocks = try (0..<config.levels).map {
            try DownBlock(
                source("down_blocks", $0), in: channels[max($0 - 1, 0)], level: $0, config, slots: slots)
        }
        midBlock = try config.midBlock.map { try MidBlock(source("mid_block"), $0, config, slots: slots) }
        upBlocks = try (0..<config.levels).map {
            try UpBlock(source("up_blocks", $0), index: $0, config, slots: slots)
        }
        convNormOut = try GroupNorm(
            source("conv_norm_out"), channels: channels[0], groups: config.normGroups, epsilon: config.normEpsilon)
        convOut = try Conv2D(
            source("conv_out"), in: channels[0], out: config.outChannels, kernel: config.convOutKernel)
        crossAttentions = slots.layers
        selfAttentionKeys = slots.selfAttentions
    }

    /// Computes what depends on the text alone.
    ///
    /// - Parameters:
    ///   - text: [batch, 1, tokens, channels], one row of texts a picture of the batch
    ///   - counts: how many of the tokens each picture is told, where they differ
    ///   - addition: SDXL's extra conditions, one a picture
    ///   - timeCondition: guidance-scale embeddings of latent consistency models, one a picture
    /// - Throws: `ModelError` if the text states are not of the width that the network was made for
    package func condition(
        on text: Tensor, counts: [Int]? = nil, addition: [AdditionalConditions]? = nil, timeCondition: [[Float]]? = nil,
        _ compute: Compute
    ) throws -> Conditioning {
        for channels in config.textChannels where channels != text.channels {
            throw ModelError(
                "the text encoder gives states of \(text.channels) channels, but the UNet wants \(channels): "
                    + "they are not parts of one model")
        }
        let textAddition = try timeEmbedding.textAddition(text, counts: counts, compute)
        let text = try projected(text, compute)
        let keyValues = try crossAttentions.map { layer in
            try compute.arena.plan { _ = try layer.keyValues(text, compute) }
            return try layer.keyValues(text, compute)
        }
        return Conditioning(
            batch: text.batch, keyValues: keyValues,
            hidden: try counts.map { try Tensor.hiding(paddingAfter: $0, tokens: text.pixels) },
            addition: try additionTensor(addition, batch: text.batch) ?? textAddition,
            timeCondition: try timeCondition.map {
                try Tensor(
                    batch: text.batch, height: 1, width: 1, channels: config.timeConditionChannels ?? 0,
                    values: Array($0.joined()))
            })
    }

    /// Text states as the cross-attentions want them.
    private func projected(_ text: Tensor, _ compute: Compute) throws -> Tensor {
        guard let encoderHidProj else { return text }
        try compute.arena.plan { _ = try encoderHidProj(text, compute) }
        return try encoderHidProj(text, compute).copy()
    }

    private func additionTensor(_ addition: [AdditionalConditions]?, batch: Int) throws -> Tensor? {
        guard let channels = config.additionTimeChannels else { return nil }
        guard let addition, addition.count == batch else {
            throw ModelError("this UNet wants pooled text and picture sizes as conditions, as SDXL does")
        }
        let rows = addition.map { one in
            one.pooledText
                + one.timeIDs.flatMap {
                    sinusoidalEmbedding(
                        $0, channels: channels, flipSinToCos: config.flipSinToCos, freqShift: config.freqShift)
                }
        }
        return try Tensor(
            batch: batch, height: 1, width: 1, channels: config.additionInputChannels,
            values: Array(rows.joined()))
    }

    /// Makes room for evaluations at this size, so that they allocate nothing.
    package func plan(height: Int, width: Int, _ conditioning: Conditioning, _ compute: Compute) throws {
        let latents = try Tensor(
            batch: conditioning.batch, height: height, width: width, channels: config.inChannels)
        try compute.arena.plan { _ = try self(latents, timestep: 0, conditioning, compute) }
    }

    /// The same for evaluations of the outermost layers.
    package func plan(outermost deep: DeepFeatures, _ conditioning: Conditioning, _ compute: Compute) throws {
        let latents = try Tensor(
            batch: conditioning.batch, height: deep.features.height, width: deep.features.width,
            channels: config.inChannels)
        try compute.arena.plan { _ = try outermost(latents, timestep: 0, conditioning, compute, deep: deep) }
    }

    /// One evaluation.
    ///
    /// - Parameters:
    ///   - latents: [batch, height, width, inChannels]
    ///   - timestep: 0…999 as trained, may be fractional
    ///   - deep: keeps what the deep layers give, for evaluations of the outermost ones
    /// - Returns: [batch, height, width, outChannels], in the arena
    package func callAsFunction(
        _ latents: Tensor, timestep: Float, _ conditioning: Conditioning, _ compute: Compute,
        keeping deep: DeepFeatures? = nil
    ) throws -> Tensor {
        let state = try state(timestep, conditioning, compute)
        var h = try entrance(latents, compute)
        defer { conditioning.skips.removeAll(keepingCapacity: true) }
        conditioning.skips.append(h)
        for block in downBlocks { h = try block(h, skips: &conditioning.skips, state) }
        if let midBlock { h = try midBlock(h, state) }
        for (index, block) in upBlocks.enumerated() {
            h = try block(h, skips: &conditioning.skips, state, keeping: index == upBlocks.count - 1 ? deep : nil)
        }
        return try exit(h, compute)
    }

    /// One evaluation of the outermost layers, which goes on with what the deep ones gave last.
    ///
    /// - Parameter deep: kept by a whole evaluation of the same batch
    /// - Returns: [batch, height, width, outChannels], in the arena
    package func outermost(
        _ latents: Tensor, timestep: Float, _ conditioning: Conditioning, _ compute: Compute, deep: DeepFeatures
    ) throws -> Tensor {
        let state = try state(timestep, conditioning, compute)
        let entered = try entrance(latents, compute)
        defer { conditioning.skips.removeAll(keepingCapacity: true) }
        conditioning.skips.append(entered)
        conditioning.skips.append(try downBlocks[0].layer(0, entered, state))
        let widest = upBlocks[upBlocks.count - 1]
        let h = try widest(deep.features, skips: &conditioning.skips, state, from: widest.firstOutermost)
        return try exit(h, compute)
    }

    private func state(_ timestep: Float, _ conditioning: Conditioning, _ compute: Compute) throws -> UNetState {
        UNetState(
            time: try timeEmbedding(timestep, conditioning, compute), conditioning: conditioning,
            compute: compute)
    }

    private func entrance(_ latents: Tensor, _ compute: Compute) throws -> Tensor {
        try convIn(config.centerInputSample ? try centered(latents, compute) : latents, compute)
    }

    private func exit(_ h: Tensor, _ compute: Compute) throws -> Tensor {
        try convOut(try convNormOut(h, compute, silu: true), compute)
    }

    /// 2x − 1: models of pixels in 0…1 (`center_input_sample`).
    private func centered(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        let result = try compute.tensor(x.batch, x.height, x.width, x.channels)
        if compute.arena.isPlanning { return result }
        for index in 0..<x.count { result.pointer[index] = 2 * x.pointer[index] - 1 }
        return result
    }
}
