import Models
import Tensors
import Tokenizers

/// A tokenizer and the text encoder that was trained on its ids.
struct TextReader: Sendable {
    let tokenizer: any Tokenizer
    let encoder: any TextEncoder
}

/// A model's networks, ready to run.
struct Networks: Sendable {
    let texts: [TextReader]
    let unet: UNet2DConditionModel
    let vae: any Autoencoder
}

extension ModelDescription {
    /// Reads the tokenizers, which are small.
    func tokenizers() throws -> [any Tokenizer] {
        try texts.map { text in
            let positions = text.config.maximumLength
            let tokenizer = try TokenizerLoader.load(folder: text.tokenizer, maximumLength: positions)
            guard tokenizer.maximumLength <= positions else {
                throw LimnError(
                    "\(path): the tokenizer gives \(tokenizer.maximumLength) tokens, but the text encoder has "
                        + "\(positions) positions; they are not parts of one model")
            }
            return tokenizer
        }
    }
}

extension Networks {
    /// Packs the weights of all parts for the machine.
    init(_ description: ModelDescription, _ parts: ModelParts, _ compute: Compute) throws {
        let tokenizers = try description.tokenizers()
        texts = try zip(description.texts, tokenizers).map { text, tokenizer in
            TextReader(tokenizer: tokenizer, encoder: try parts.text(text, compute))
        }
        unet = try parts.unet(description.unet, compute)
        vae = try parts.vae(description.vae, compute)
    }
}
