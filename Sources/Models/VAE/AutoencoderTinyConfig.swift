import Checkpoints
import Layers

/// What `config.json` says of an `AutoencoderTiny` (TAESD and its kin).
package struct AutoencoderTinyConfig: VAEConfig, Equatable {
    package var latentChannels = 4
    /// Of every layer between the first and the last.
    package var channels = 64
    /// Residual blocks of each stage, in the order in which they run; from stage to stage the size halves or doubles.
    package var encoderBlocks = [1, 3, 3, 3]
    package var decoderBlocks = [3, 3, 3, 1]
    /// 1: these autoencoders were trained on latents as the UNet sees them.
    package var scalingFactor: Float = 1
    /// Whether there are weights for it; a decoder alone is enough for decoding.
    package var hasEncoder = true

    package init() {}

    package var statistics: LatentStatistics? { nil }
    package var factor: Int { 1 << (decoderBlocks.count - 1) }
    package var drawsLatents: Bool { false }
    package var needsFloat32: Bool { false }
    package var rules: KeyRules { .none }

    package func autoencoder(_ source: LayerSource) throws -> any Autoencoder {
        try AutoencoderTiny(source, self)
    }

    /// - Throws: `ModelError` naming file, key, value and what was expected.
    package init(_ file: ConfigFile) throws {
        _ = try file.int("in_channels", default: 3, in: 3...3)
        _ = try file.int("out_channels", default: 3, in: 3...3)
        latentChannels = try file.int("latent_channels", default: 4, in: 1...64)
        encoderBlocks = try file.ints("num_encoder_blocks", default: encoderBlocks, in: 0...64)
        decoderBlocks = try file.ints("num_decoder_blocks", default: decoderBlocks, in: 0...64)
        guard encoderBlocks.count == decoderBlocks.count else {
            throw ModelError("\(file.path): num_encoder_blocks and num_decoder_blocks have different lengths")
        }
        var widths: [Int] = []
        for (key, blocks) in [
            ("encoder_block_out_channels", encoderBlocks), ("decoder_block_out_channels", decoderBlocks),
        ] {
            let given = try file.ints(key, default: blocks.map { _ in 64 }, in: 1...8192)
            guard given.count == blocks.count else {
                throw ModelError(
                    "\(file.path): \(key) has \(given.count) numbers, but there are \(blocks.count) stages")
            }
            widths += given
        }
        // diffusers' class builds others, but cannot run them: its convolutions between stages keep the width.
        guard let width = widths.first, widths.allSatisfy({ $0 == width }) else {
            throw file.unsupported(
                "block_out_channels", "\(widths)", supported: "one number of channels for all stages")
        }
        channels = width
        scalingFactor = try file.float("scaling_factor", default: 1)
        guard scalingFactor > 0 else {
            throw ModelError("\(file.path): scaling_factor must be above 0, not \(scalingFactor)")
        }
        for (key, only) in [("act_fn", "relu"), ("upsample_fn", "nearest")] {
            let value = try file.string(key, default: only)
            guard value == only else { throw file.unsupported(key, "\"\(value)\"", supported: "\"\(only)\"") }
        }
        _ = try file.int("upsampling_scaling_factor", default: 2, in: 2...2)
    }

    /// The form of a network, told from its tensors' names and shapes (diffusers' names).
    ///
    /// - Throws: `ModelError` if it has no decoder
    package init(_ shapes: TensorShapes) throws {
        channels = try shapes.size("decoder.layers.0.weight", 0)
        latentChannels = try shapes.size("decoder.layers.0.weight", 1)
        decoderBlocks = try Self.blocks(shapes, "decoder.layers")
        hasEncoder = shapes.has("encoder.layers")
        encoderBlocks = hasEncoder ? try Self.blocks(shapes, "encoder.layers") : decoderBlocks.reversed()
        guard encoderBlocks.count == decoderBlocks.count else {
            throw ModelError("\(shapes.path): its encoder and its decoder have different numbers of stages")
        }
    }

    /// Every stage begins with a convolution or ends in one, so the blocks between two of them are a stage's.
    private static func blocks(_ shapes: TensorShapes, _ list: String) throws -> [Int] {
        var blocks: [Int] = []
        // Far above what there is: a file can name any number of layers.
        for index in 0..<512 {
            if shapes.has("\(list).\(index).conv") {
                guard !blocks.isEmpty else { break }
                blocks[blocks.count - 1] += 1
            } else if shapes.has("\(list).\(index)") {
                blocks.append(0)
            }
        }
        // The last convolution begins no stage.
        guard (2...17).contains(blocks.count) else {
            throw ModelError("\(shapes.path): the layers of \(list) are not those of a tiny autoencoder")
        }
        return blocks.dropLast()
    }
}
