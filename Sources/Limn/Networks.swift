import Checkpoints
import Models
import Tensors
import Tokenizers

/// A tokenizer and the text encoder that was trained on its ids.
struct TextReader: Sendable {
    let tokenizer: any Tokenizer
    let encoder: any TextEncoder
    /// Vectors of the tokens of learnt words.
    var learnt: [Int: [Float]] = [:]
}

/// A model's networks, ready to run.
struct Networks: Sendable {
    let texts: [TextReader]
    let unet: UNet2DConditionModel
    let vae: any Autoencoder
}

extension ModelDescription {
    /// Reads the tokenizers, which are small.
    ///
    /// - Parameter words: learnt ones, for them to know
    func tokenizers(_ words: [TextualInversion] = []) throws -> [any Tokenizer] {
        try texts.map { text in
            let positions = text.config.maximumLength
            let tokenizer = try TokenizerLoader.load(
                folder: text.tokenizer, maximumLength: positions, padding: text.padding,
                learnt: words.map {
                    LearntToken(name: $0.name, count: $0.count, file: $0.isBundled ? nil : $0.path)
                })
            guard tokenizer.maximumLength <= positions else {
                throw LimnError(
                    "\(path): the tokenizer gives \(tokenizer.maximumLength) tokens, but the text encoder has "
                        + "\(positions) positions; they are not parts of one model")
            }
            return tokenizer
        }
    }
}

extension ModelDescription {
    /// The tokenizers, and the text encoders.
    ///
    /// - Parameter words: learnt ones that prompts may hold
    func readers(
        _ parts: ModelParts, words: [TextualInversion], _ compute: Compute, _ watch: LoadWatch? = nil
    ) throws -> [TextReader] {
        let tokenizers = try tokenizers(words)
        watch?.lap("tokenizer")
        return try zip(texts, tokenizers).map { text, tokenizer in
            var learnt: [Int: [Float]] = [:]
            for (word, known) in zip(words, tokenizer.learnt) {
                let vectors = try word.vectors(for: text.part.rawValue, width: text.config.tokenChannels)
                for (id, vector) in zip(known.ids, vectors) { learnt[id] = vector }
            }
            return TextReader(tokenizer: tokenizer, encoder: try parts.text(text, compute), learnt: learnt)
        }
    }
}

extension Networks {
    /// Makes sure that the weights of all parts are whole, and packs for the machine those that are to be packed at
    /// loading.
    ///
    /// - Parameters:
    ///   - words: learnt ones that prompts may hold
    ///   - textCompute: where the text encoders will run
    ///   - compute: where the UNet will
    ///   - vaeCompute: where the VAE will
    init(
        _ description: ModelDescription, _ parts: ModelParts, words: [TextualInversion] = [],
        text textCompute: Compute, _ compute: Compute, vae vaeCompute: Compute, _ watch: LoadWatch? = nil
    ) throws {
        texts = try description.readers(parts, words: words, textCompute, watch)
        watch?.lap("reading the text")
        unet = try parts.unet(description.unet, compute)
        watch?.lap("packing the UNet")
        vae = try parts.vae(description.vae, vaeCompute)
        watch?.lap("reading the VAE")
    }
}
