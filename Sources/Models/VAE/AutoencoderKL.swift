import Layers
import Tensors

/// The variational autoencoder between pictures and latents (Rombach et al. 2022; diffusers' `AutoencoderKL`).
package struct AutoencoderKL: Sendable {
    package let config: AutoencoderConfig
    private let encoder: VAEEncoder
    private let decoder: VAEDecoder
    private let quantConv: Conv2D?
    private let postQuantConv: Conv2D?

    package init(_ source: LayerSource, _ config: AutoencoderConfig) throws {
        let latent = config.latentChannels
        // Latents of 64×64 unless the caller knows better. An autoencoder runs once where a UNet runs dozens of times,
        // and should take its memory accordingly: its maps count as if they were a quarter as wide.
        let source = source.expecting(side: max(1, (source.side > 0 ? source.side : 64) / 4))
        self.config = config
        encoder = try VAEEncoder(source("encoder"), config)
        decoder = try VAEDecoder(source("decoder"), config)
        quantConv =
            config.usesQuantConv
            ? try Conv2D(source("quant_conv"), in: 2 * latent, out: 2 * latent, kernel: 1) : nil
        postQuantConv =
            config.usesPostQuantConv
            ? try Conv2D(source("post_quant_conv"), in: latent, out: latent, kernel: 1) : nil
    }

    /// - Parameters:
    ///   - picture: [batch, height, width, 3] in −1…1; both sides multiples of `config.factor`
    ///   - tiling: how to cut it if it is large; nil to take it whole
    /// - Returns: [batch, height/f, width/f, 2·latentChannels]: mean, then logarithm of the variance
    package func encode(_ picture: Tensor, _ compute: Compute, tiling: VAETiling? = nil) throws -> Tensor {
        let factor = config.factor
        if let tiling, tiling.cuts(height: picture.height / factor, width: picture.width / factor) {
            return try tiling.map(picture, tile: tiling.latents * factor, resultTile: tiling.latents) {
                try encode($0, compute)
            }
        }
        try compute.arena.plan { _ = try encoded(picture, compute) }
        return try encoded(picture, compute).copy()
    }

    /// Makes room for encoding a picture of this size.
    package func planEncoding(height: Int, width: Int, _ compute: Compute) throws {
        let picture = try Tensor(batch: 1, height: height, width: width, channels: 3)
        try compute.arena.plan { _ = try encoded(picture, compute) }
    }

    private func encoded(_ picture: Tensor, _ compute: Compute) throws -> Tensor {
        let moments = try encoder(picture, compute)
        return try quantConv?(moments, compute) ?? moments
    }

    /// Makes room for decoding latents of this size, so that too large a picture is refused before any work is done.
    ///
    /// - Throws: `TensorError` if there is not enough memory
    package func planDecoding(height: Int, width: Int, _ compute: Compute, tiling: VAETiling? = nil) throws {
        let side = tiling?.latents ?? .max
        let latents = try Tensor(
            batch: 1, height: min(height, side), width: min(width, side), channels: config.latentChannels)
        try compute.arena.plan { _ = try decoded(latents, compute) }
    }

    /// - Parameters:
    ///   - latents: [batch, h, w, latentChannels], already divided by the scaling factor
    ///   - tiling: how to cut them if they are large; nil to take them whole
    /// - Returns: [batch, h·f, w·f, 3], about −1…1
    package func decode(_ latents: Tensor, _ compute: Compute, tiling: VAETiling? = nil) throws -> Tensor {
        if let tiling, tiling.cuts(height: latents.height, width: latents.width) {
            return try tiling.map(latents, tile: tiling.latents, resultTile: tiling.latents * config.factor) {
                try decode($0, compute)
            }
        }
        try compute.arena.plan { _ = try decoded(latents, compute) }
        return try decoded(latents, compute).copy()
    }

    private func decoded(_ latents: Tensor, _ compute: Compute) throws -> Tensor {
        try decoder(try postQuantConv?(latents, compute) ?? latents, compute)
    }
}
