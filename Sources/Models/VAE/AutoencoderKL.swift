import Layers
import Tensors

/// The variational autoencoder between pictures and latents (Rombach et al. 2022; diffusers' `AutoencoderKL`). What it
/// encodes to are means and logarithms of variances.
package struct AutoencoderKL: Autoencoder {
    package let config: AutoencoderConfig
    private let encoder: VAEEncoder
    private let decoder: VAEDecoder
    private let quantConv: Conv2D?
    private let postQuantConv: Conv2D?

    package var factor: Int { config.factor }
    package var latentChannels: Int { config.latentChannels }

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

    package func encoded(_ picture: Tensor, _ compute: Compute) throws -> Tensor {
        let moments = try encoder(picture, compute)
        return try quantConv?(moments, compute) ?? moments
    }

    package func decoded(_ latents: Tensor, _ compute: Compute) throws -> Tensor {
        try decoder(try postQuantConv?(latents, compute) ?? latents, compute)
    }
}
