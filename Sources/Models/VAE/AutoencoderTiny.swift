import Glibc
import Layers
import Tensors

/// The small autoencoder of TAESD (Ollin Boer Bohan 2023; diffusers' `AutoencoderTiny`): convolutions and ReLU, no norm
/// and no attention, a twentieth of the VAE's arithmetic and less. It encodes to latents, not to a distribution of them.
package struct AutoencoderTiny: Autoencoder {
    package let config: AutoencoderTinyConfig
    private let encoder: TinyLayers?
    private let decoder: TinyLayers

    package var factor: Int { config.factor }
    package var latentChannels: Int { config.latentChannels }

    package init(_ source: LayerSource, _ config: AutoencoderTinyConfig) throws {
        self.config = config
        let source = source.expecting(side: source.side > 0 ? source.side : 64)
        encoder = config.hasEncoder ? try TinyLayers(encoder: source("encoder"), config) : nil
        decoder = try TinyLayers(decoder: source("decoder"), config)
    }

    /// - Throws: `ModelError` if only the decoder's weights were there
    package func encoded(_ picture: Tensor, _ compute: Compute) throws -> Tensor {
        guard let encoder else {
            throw ModelError("this tiny autoencoder came without its encoder, so it cannot look at pictures")
        }
        // It was trained on 0…1.
        return try encoder(try compute.each(of: picture) { ($0 + 1) / 2 }, compute)
    }

    package func decoded(_ latents: Tensor, _ compute: Compute) throws -> Tensor {
        let clamped = try compute.each(of: latents) { tanhf($0 / 3) * 3 }
        return try compute.each(of: try decoder(clamped, compute)) { $0 * 2 - 1 }
    }
}

/// Convolution, ReLU, convolution, ReLU, convolution, and ReLU of the sum with the input (`AutoencoderTinyBlock`).
private struct TinyBlock: Sendable {
    private let convolutions: [Conv2D]

    init(_ source: LayerSource, channels: Int) throws {
        convolutions = try [0, 2, 4].map {
            try Conv2D(source("conv", $0), in: channels, out: channels, activation: .relu)
        }
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        let h = try convolutions[1](try convolutions[0](x, compute), compute)
        return try convolutions[2](h, compute, residual: x)
    }
}

/// `layers` of `EncoderTiny` and `DecoderTiny`, numbered through as the checkpoint has them.
private struct TinyLayers: Sendable {
    private enum Layer: Sendable {
        case convolution(Conv2D)
        case block(TinyBlock)
        /// A convolution of the picture at twice its size.
        case doubling(Conv2D)
    }

    private var layers: [Layer] = []

    init(encoder source: LayerSource, _ config: AutoencoderTinyConfig) throws {
        let (stages, channels) = (config.encoderBlocks, config.channels)
        var index = 0
        func next(side: Int) -> LayerSource {
            defer { index += 1 }
            return source("layers", index).expecting(side: side)
        }
        for (stage, blocks) in stages.enumerated() {
            let side = source.side << (stages.count - 1 - stage)
            layers.append(
                .convolution(
                    try Conv2D(
                        next(side: side), in: stage == 0 ? 3 : channels, out: channels, stride: stage == 0 ? 1 : 2,
                        bias: stage == 0, precedesNorm: false)))
            for _ in 0..<blocks { layers.append(.block(try TinyBlock(next(side: side), channels: channels))) }
        }
        layers.append(
            .convolution(
                try Conv2D(next(side: source.side), in: channels, out: config.latentChannels, precedesNorm: false)))
    }

    init(decoder source: LayerSource, _ config: AutoencoderTinyConfig) throws {
        let (stages, channels) = (config.decoderBlocks, config.channels)
        let first = source("layers.0")
        layers.append(.convolution(try Conv2D(first, in: config.latentChannels, out: channels, activation: .relu)))
        // Layer 1 is that ReLU.
        var index = 2
        for (stage, blocks) in stages.enumerated() {
            let side = source.side << stage
            for _ in 0..<blocks {
                layers.append(
                    .block(try TinyBlock(source("layers", index).expecting(side: side), channels: channels)))
                index += 1
            }
            guard stage < stages.count - 1 else { break }
            // The resizing has a number too.
            layers.append(
                .doubling(
                    try Conv2D(
                        source("layers", index + 1).expecting(side: 2 * side), in: channels, out: channels,
                        isDoubled: true, bias: false, precedesNorm: false)))
            index += 2
        }
        let side = source.side << (stages.count - 1)
        layers.append(
            .convolution(
                try Conv2D(source("layers", index).expecting(side: side), in: channels, out: 3, precedesNorm: false)))
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute) throws -> Tensor {
        var h = x
        for layer in layers {
            switch layer {
            case .convolution(let conv): h = try conv(h, compute)
            case .block(let block): h = try block(h, compute)
            case .doubling(let conv): h = try conv(h, compute, resized: (2 * h.height, 2 * h.width))
            }
        }
        return h
    }
}

extension Compute {
    /// A function of every value, in the arena: for the few values of a picture or of latents.
    fileprivate func each(of x: Tensor, _ function: (Float) -> Float) throws -> Tensor {
        let result = try tensor(x.batch, x.height, x.width, x.channels)
        guard !arena.isPlanning else { return result }
        for index in 0..<x.count { result.pointer[index] = function(x.pointer[index]) }
        return result
    }
}
