extension UNetConfig {
    /// - Throws: `ModelError` naming file, key and value: what is malformed, and what limn does not support yet.
    package init(_ file: ConfigFile) throws {
        self.init()
        try Self.refuseUnsupported(file)
        sampleSize = try Self.sampleSize(file)
        inChannels = try file.int("in_channels", default: 4, in: 1...64)
        outChannels = try file.int("out_channels", default: 4, in: 1...64)
        centerInputSample = try file.bool("center_input_sample", default: false)
        blockOutChannels = try file.ints("block_out_channels", default: blockOutChannels, in: 1...8192)
        try readBlocks(file)
        try readAttention(file)
        try readTimeEmbedding(file)
        _ = try file.int("downsample_padding", default: 1, in: 1...1)
        normGroups = try file.int("norm_num_groups", default: 32, in: 1...1024)
        normEpsilon = try file.float("norm_eps", default: 1e-5)
        convInKernel = try Self.kernel(file, "conv_in_kernel")
        convOutKernel = try Self.kernel(file, "conv_out_kernel")
        if let channels = blockOutChannels.first(where: { $0 % normGroups != 0 }) {
            throw ModelError(
                "\(file.path): \(channels) channels do not divide into norm_num_groups = \(normGroups)")
        }
        for (channels, heads) in zip(blockOutChannels, attentionHeads) where channels % heads != 0 {
            throw ModelError("\(file.path): \(channels) channels do not divide into \(heads) attention heads")
        }
    }

    /// One number, or height and width.
    private static func sampleSize(_ file: ConfigFile) throws -> Int {
        guard file.isList("sample_size") else { return try file.int("sample_size", default: 64, in: 1...4096) }
        let sides = try file.ints("sample_size", default: [], in: 1...4096)
        guard let side = sides.first, sides == [side, side] else {
            throw file.unsupported("sample_size", "\(sides)", supported: "one number, or the same one twice")
        }
        return side
    }

    /// The sides of a convolution that keeps the size of its input.
    private static func kernel(_ file: ConfigFile, _ key: String) throws -> Int {
        let side = try file.int(key, default: 3, in: 1...7)
        guard side % 2 == 1 else { throw file.unsupported(key, "\(side)", supported: "1, 3, 5 and 7") }
        return side
    }

    private static func refuseUnsupported(_ file: ConfigFile) throws {
        let off = [
            ("dual_cross_attention", "models with two kinds of context"),
            ("class_embed_type", "class-conditioned models"),
            ("num_class_embeds", "class-conditioned models"),
            ("class_embeddings_concat", "class-conditioned models"),
            ("cross_attention_norm", "normalised text states"),
            ("resnet_skip_time_act", "resnet blocks without activation of the time embedding"),
            ("time_embedding_act_fn", "an activation after the time embedding"),
            ("timestep_post_act", "an activation after the time embedding"),
            ("num_attention_heads", "diffusers does not accept it either; use attention_head_dim"),
        ]
        for (key, reason) in off { try file.requireOff(key, reason: reason) }
        for key in ["mid_block_scale_factor", "resnet_out_scale_factor"] {
            let factor = try file.float(key, default: 1)
            guard factor == 1 else { throw file.unsupported(key, "\(factor)", supported: "1") }
        }
        let activation = try file.string("act_fn", default: "silu")
        guard ["silu", "swish"].contains(activation) else {
            throw file.unsupported("act_fn", "\"\(activation)\"", supported: "\"silu\"")
        }
        let attention = try file.string("attention_type", default: "default")
        guard attention == "default" else {
            throw file.unsupported("attention_type", "\"\(attention)\"", supported: "\"default\"")
        }
    }

    private mutating func readBlocks(_ file: ConfigFile) throws {
        let downNames = ["DownBlock2D": BlockKind.plain, "CrossAttnDownBlock2D": .crossAttention]
        let upNames = ["UpBlock2D": BlockKind.plain, "CrossAttnUpBlock2D": .crossAttention]
        func kinds(_ key: String, _ names: [String: BlockKind], default fallback: [BlockKind]) throws -> [BlockKind] {
            guard file.isSet(key) else { return fallback }
            let kinds = try file.strings(key, default: []).map { name in
                guard let kind = names[name] else {
                    let known = names.keys.sorted().joined(separator: " and ")
                    throw file.unsupported(key, "\"\(name)\"", supported: known)
                }
                return kind
            }
            guard kinds.count == levels else {
                throw ModelError(
                    "\(file.path): \(key) has \(kinds.count) blocks, but block_out_channels has \(levels)")
            }
            return kinds
        }
        downBlocks = try kinds("down_block_types", downNames, default: downBlocks)
        upBlocks = try kinds("up_block_types", upNames, default: upBlocks)
        guard downBlocks.count == levels, upBlocks.count == levels else {
            throw ModelError("\(file.path): down_block_types and up_block_types need \(levels) blocks each")
        }
        // A missing key means diffusers' default; null means that there is no mid block.
        switch try file.optionalString("mid_block_type") {
        case "UNetMidBlock2DCrossAttn": midBlock = .crossAttention
        case "UNetMidBlock2D": midBlock = .plain
        case nil: midBlock = file.has("mid_block_type") ? nil : .crossAttention
        case let other?:
            throw file.unsupported(
                "mid_block_type", "\"\(other)\"", supported: "UNetMidBlock2DCrossAttn and UNetMidBlock2D")
        }
        layersPerBlock = try file.perLevel("layers_per_block", default: 2, levels: levels, in: 1...16)
    }

    private mutating func readAttention(_ file: ConfigFile) throws {
        attentionHeads = try file.perLevel("attention_head_dim", default: 8, levels: levels, in: 1...1024)
        crossAttentionChannels = try file.perLevel(
            "cross_attention_dim", default: 1280, levels: levels, in: 1...16384)
        try readTextProjection(file)
        try readDepths(file)
        onlyCrossAttention = try file.perLevel("only_cross_attention", default: false, levels: levels)
        // Pixels are rows of channels here, so linear and 1×1-convolution projections are one thing.
        _ = try file.bool("use_linear_projection", default: false)
    }

    private mutating func readDepths(_ file: ConfigFile) throws {
        let (key, reverseKey) = ("transformer_layers_per_block", "reverse_transformer_layers_per_block")
        func depths(_ key: String, layers: [Int]) throws -> [TransformerDepth] {
            try file.perLayer(key, default: 1, layers: layers, in: 0...64).map(TransformerDepth.init)
        }
        transformerLayers = try depths(key, layers: layersPerBlock)
        if file.isSet(reverseKey) {
            reverseTransformerLayers = try depths(reverseKey, layers: layersPerBlock.reversed().map { $0 + 1 })
        } else if transformerLayers.allSatisfy({ $0.counts.count == 1 }) {
            reverseTransformerLayers = transformerLayers.reversed()
        } else {
            throw ModelError(
                "\(file.path): \(key) counts by layer, so the way up must be counted too: \(reverseKey) is missing")
        }
    }

    /// `encoder_hid_dim` alone means "text_proj", too.
    private mutating func readTextProjection(_ file: ConfigFile) throws {
        encoderHiddenChannels = try file.optionalInt("encoder_hid_dim", in: 1...16384)
        let kind = try file.optionalString("encoder_hid_dim_type")
        guard kind == nil || kind == "text_proj" else {
            throw file.unsupported("encoder_hid_dim_type", "\"\(kind ?? "")\"", supported: "\"text_proj\"")
        }
        guard kind == nil || encoderHiddenChannels != nil else {
            throw ModelError("\(file.path): encoder_hid_dim_type needs encoder_hid_dim, which is missing")
        }
        guard encoderHiddenChannels == nil || Set(crossAttentionChannels).count == 1 else {
            throw ModelError("\(file.path): with encoder_hid_dim, cross_attention_dim must be one number")
        }
    }

    private mutating func readTimeEmbedding(_ file: ConfigFile) throws {
        flipSinToCos = try file.bool("flip_sin_to_cos", default: true)
        freqShift = try file.float("freq_shift", default: 0)
        let first = blockOutChannels[0]
        switch try file.string("time_embedding_type", default: "positional") {
        case "positional":
            timeEmbeddingKind = .positional
            timeEmbeddingChannels = try file.int("time_embedding_dim", default: 4 * first, in: 1...65536)
        case "fourier":
            timeEmbeddingKind = .fourier
            timeEmbeddingChannels = try file.int("time_embedding_dim", default: 2 * first, in: 2...65536)
            guard timeEmbeddingChannels % 2 == 0 else {
                throw ModelError("\(file.path): time_embedding_dim must be even for a fourier embedding")
            }
        case let other:
            throw file.unsupported("time_embedding_type", "\"\(other)\"", supported: "positional and fourier")
        }
        switch try file.string("resnet_time_scale_shift", default: "default") {
        case "default": timeConditioning = .add
        case "scale_shift": timeConditioning = .scaleShift
        case let other:
            throw file.unsupported(
                "resnet_time_scale_shift", "\"\(other)\"", supported: "\"default\" and \"scale_shift\"")
        }
        timeConditionChannels = try file.optionalInt("time_cond_proj_dim", in: 1...65536)
        additionTimeChannels = nil
        additionTextHeads = nil
        switch try file.optionalString("addition_embed_type") {
        case nil: break
        case "text":
            let heads = try file.int("addition_embed_type_num_heads", default: 64, in: 1...65536)
            guard textChannels.count == 1, let channels = textChannels.first, channels % heads == 0 else {
                throw ModelError(
                    "\(file.path): addition_embed_type \"text\" wants text states of one width, a multiple of its "
                        + "\(heads) heads (addition_embed_type_num_heads)")
            }
            additionTextHeads = heads
        case "text_time":
            additionTimeChannels = try file.int("addition_time_embed_dim", default: 256, in: 1...65536)
            additionInputChannels = try file.int(
                "projection_class_embeddings_input_dim", default: 2816, in: 1...65536)
        case let other?:
            throw file.unsupported("addition_embed_type", "\"\(other)\"", supported: "text and text_time")
        }
    }
}
