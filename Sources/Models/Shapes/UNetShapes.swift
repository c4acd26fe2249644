import Platform

/// The configuration of a `UNet2DConditionModel`, told from its tensors.
///
/// Shapes tell widths, levels and depths. Three things they do not: the attention heads (8 in models whose transformers
/// stand between convolutions, one for 64 channels in those with linear projections), the groups of the norms, and the
/// size of the pictures.
package struct UNetShapes: Sendable, Equatable {
    /// Transformer layers after each resnet block of a level; empty: none.
    typealias Depths = [Int]

    package private(set) var inChannels: Int
    private var outChannels: Int
    package private(set) var channels: [Int] = []
    private var layers: [Int] = []
    private var downDepths: [Depths] = []
    private var upDepths: [Depths] = []
    private var midBlock: JSON = .null
    private var midDepth: Int?
    private var onlyCrossAttention: [Bool] = []
    package private(set) var contextChannels: Int?
    package private(set) var usesLinearProjection = false
    private var timeChannels: Int
    private var convInKernel: Int
    private var convOutKernel: Int
    /// Width of what joins the time embedding in SDXL; nil in other models.
    package private(set) var additionChannels: Int?
    private var timeConditionChannels: Int?

    /// - Throws: `ModelError` if these are not the tensors of such a network, or of one that no configuration describes
    package init(_ shapes: TensorShapes) throws {
        inChannels = try shapes.size("conv_in.weight", 1)
        convInKernel = try shapes.size("conv_in.weight", 2)
        outChannels = try shapes.size("conv_out.weight", 0)
        convOutKernel = try shapes.size("conv_out.weight", 2)
        timeChannels = try shapes.size("time_embedding.linear_1.weight", 0)
        timeConditionChannels = shapes.shape("time_embedding.cond_proj.weight")?.last
        if shapes.has("add_embedding") { additionChannels = try shapes.size("add_embedding.linear_1.weight", 1) }

        for level in 0..<shapes.count("down_blocks") {
            let block = "down_blocks.\(level)"
            channels.append(try shapes.size("\(block).resnets.0.conv1.weight", 0))
            layers.append(shapes.count("\(block).resnets"))
            downDepths.append(try readDepths(shapes, block, channels: channels[level]))
        }
        for index in 0..<shapes.count("up_blocks") {
            upDepths.append(try readDepths(shapes, "up_blocks.\(index)", channels: nil))
        }
        guard !channels.isEmpty, upDepths.count == channels.count else {
            throw ModelError(
                "\(shapes.path): the UNet has \(channels.count) levels on the way down and \(upDepths.count) on the "
                    + "way up; as many of both were expected")
        }
        switch (shapes.has("mid_block.attentions.0"), shapes.has("mid_block")) {
        case (true, _):
            midBlock = .string("UNetMidBlock2DCrossAttn")
            midDepth = shapes.count("mid_block.attentions.0.transformer_blocks")
            if contextChannels == nil {
                contextChannels = try shapes.size(
                    "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", 1)
                usesLinearProjection = shapes.shape("mid_block.attentions.0.proj_in.weight")?.count == 2
            }
        case (false, true): midBlock = .string("UNetMidBlock2D")
        case (false, false): midBlock = .null
        }
    }

    /// Reads the transformers of a block.
    private mutating func readDepths(_ shapes: TensorShapes, _ block: String, channels: Int?) throws -> Depths {
        let depths = (0..<shapes.count("\(block).attentions")).map {
            shapes.count("\(block).attentions.\($0).transformer_blocks")
        }
        guard !depths.isEmpty else {
            if channels != nil { onlyCrossAttention.append(false) }
            return []
        }
        let first = "\(block).attentions.0"
        contextChannels = try shapes.size("\(first).transformer_blocks.0.attn2.to_k.weight", 1)
        usesLinearProjection = shapes.shape("\(first).proj_in.weight")?.count == 2
        if let channels {
            let width = try shapes.size("\(first).transformer_blocks.0.attn1.to_k.weight", 1)
            onlyCrossAttention.append(width != channels)
        }
        return depths
    }

    /// The configuration, as diffusers writes it.
    ///
    /// - Parameters:
    ///   - sampleSize: side of the latents of the model's own pictures
    ///   - sizeConditions: how many numbers about the picture join the pooled text: 6 in SDXL, 5 in its refiner
    ///   - pooledChannels: width of the pooled text
    /// - Throws: `ModelError` if diffusers has no words for it
    package func config(
        path: String, sampleSize: Int, sizeConditions: Int, pooledChannels: Int?
    ) throws -> [String: JSON] {
        let last = channels.count - 1
        // A level without transformers has no depth of its own; the middle block has the last level's.
        var depths = downDepths.map { $0.first ?? 1 }
        if downDepths[last].isEmpty, let midDepth { depths[last] = midDepth }
        guard zip(downDepths, depths).allSatisfy({ level, depth in level.allSatisfy { $0 == depth } }),
            midDepth == nil || midDepth == depths[last]
        else {
            throw ModelError(
                "\(path): the transformers on the way down have \(downDepths) layers and the middle one "
                    + "\(midDepth ?? 0); a configuration can only give one number a level")
        }
        var config: [String: JSON] = [
            "_class_name": .string("UNet2DConditionModel"), "act_fn": .string("silu"),
            "attention_head_dim": .perLevel(heads), "block_out_channels": .numbers(channels),
            "center_input_sample": .bool(false), "conv_in_kernel": .number(convInKernel),
            "conv_out_kernel": .number(convOutKernel), "cross_attention_dim": .number(contextChannels ?? 1280),
            "down_block_types": .names(downDepths.map { $0.isEmpty ? "DownBlock2D" : "CrossAttnDownBlock2D" }),
            "downsample_padding": .number(1), "flip_sin_to_cos": .bool(true), "freq_shift": .number(0),
            "in_channels": .number(inChannels), "layers_per_block": .perLevel(layers),
            "mid_block_scale_factor": .number(1), "mid_block_type": midBlock, "norm_eps": .number(1e-5),
            "norm_num_groups": .number(usualGroups(channels)),
            "only_cross_attention": onlyCrossAttention.contains(true)
                ? .array(onlyCrossAttention.map { .bool($0) }) : .bool(false),
            "out_channels": .number(outChannels), "sample_size": .number(sampleSize),
            "transformer_layers_per_block": .perLevel(depths),
            "up_block_types": .names(upDepths.map { $0.isEmpty ? "UpBlock2D" : "CrossAttnUpBlock2D" }),
            "use_linear_projection": .bool(usesLinearProjection),
        ]
        if timeChannels != 4 * channels[0] { config["time_embedding_dim"] = .number(timeChannels) }
        if let timeConditionChannels { config["time_cond_proj_dim"] = .number(timeConditionChannels) }
        addReverseDepths(depths, to: &config)
        if let additionChannels {
            try addConditions(additionChannels, path, sizeConditions, pooledChannels, to: &config)
        }
        return config
    }

    /// The way up has the depths of the way down, unless something was cut out of it (SSD-1B).
    private func addReverseDepths(_ depths: [Int], to config: inout [String: JSON]) {
        let mirrored = zip(upDepths, depths.reversed()).allSatisfy { block, depth in block.allSatisfy { $0 == depth } }
        guard !mirrored else { return }
        config["reverse_transformer_layers_per_block"] = .array(
            upDepths.map { block in block.isEmpty ? .number(1) : .perLevel(block) })
    }

    private func addConditions(
        _ width: Int, _ path: String, _ sizeConditions: Int, _ pooledChannels: Int?,
        to config: inout [String: JSON]
    ) throws {
        let pooled = pooledChannels ?? 0
        guard width > pooled, (width - pooled) % sizeConditions == 0 else {
            throw ModelError(
                "\(path): the UNet is told \(width) numbers beside the time, which are not the \(pooled) of pooled text "
                    + "and \(sizeConditions) sizes of equal width")
        }
        config["addition_embed_type"] = .string("text_time")
        config["addition_time_embed_dim"] = .number((width - pooled) / sizeConditions)
        config["projection_class_embeddings_input_dim"] = .number(width)
    }

    /// Heads of each level.
    private var heads: [Int] {
        channels.map { channels in
            let usual = usesLinearProjection ? max(1, channels / 64) : 8
            return channels % usual == 0 ? usual : 1
        }
    }
}
