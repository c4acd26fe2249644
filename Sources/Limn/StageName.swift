/// The stages that a benchmark times, with the tensors of `Benchmark.Given`'s files: shapes as diffusers has them.
///
/// | stage | inputs | output |
/// |---|---|---|
/// | text encoder | `text_encoder.ids` [texts, tokens], integers | `text_encoder.states` [texts, tokens, channels] |
/// | UNet | `unet.latents` [batch, channels, h, w], `unet.timestep` [1], `unet.states` [batch, tokens, channels] | `unet.output` like the latents |
/// | VAE's encoder | `vae_encoder.picture` [batch, 3, height, width], −1…1 | `vae_encoder.moments` [batch, 2·channels, h, w] |
/// | VAE's decoder | `vae_decoder.latents` [batch, channels, h, w] | `vae_decoder.picture` [batch, 3, height, width] |
enum StageName: String, CaseIterable, Sendable {
    case textEncoder = "text_encoder"
    case unet
    case vaeEncoder = "vae_encoder"
    case vaeDecoder = "vae_decoder"

    var inputs: [String] {
        switch self {
        case .textEncoder: ["text_encoder.ids"]
        case .unet: ["unet.latents", "unet.timestep", "unet.states"]
        case .vaeEncoder: ["vae_encoder.picture"]
        case .vaeDecoder: ["vae_decoder.latents"]
        }
    }

    var output: String {
        switch self {
        case .textEncoder: "text_encoder.states"
        case .unet: "unet.output"
        case .vaeEncoder: "vae_encoder.moments"
        case .vaeDecoder: "vae_decoder.picture"
        }
    }

    /// As people say it.
    var words: String {
        switch self {
        case .textEncoder: "text encoder"
        case .unet: "UNet"
        case .vaeEncoder: "VAE's encoder"
        case .vaeDecoder: "VAE's decoder"
        }
    }
}
