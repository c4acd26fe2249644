import Platform

/// Makes a tokenizer of a folder as diffusers has it.
package enum TokenizerLoader {
    /// What CLIP's text encoders take; used where neither the folder nor the caller says a length.
    private static let usualLength = 77

    private enum Kind {
        case clip
        case sentencePiece(SentencePieceLayout)
    }

    /// Reads tokenizer_config.json (and special_tokens_map.json, added_tokens.json) and the vocabulary:
    /// tokenizer.json if there is one, as transformers prefers it; otherwise vocab.json and merges.txt, or
    /// spiece.model, sentencepiece.bpe.model or tokenizer.model.
    ///
    /// - Parameters:
    ///   - maximumLength: the most ids that the text encoder takes, its `max_position_embeddings`. The
    ///     folder's `model_max_length` counts if it is smaller.
    ///   - padding: the token that fills texts up, in place of the one that a CLIP tokenizer's folder names
    ///   - learnt: names of embeddings, and how many tokens each stands for
    /// - Throws: `TokenizerError`.
    package static func load(
        folder: String, maximumLength: Int? = nil, padding: String? = nil, learnt: [LearntToken] = []
    ) throws -> any Tokenizer {
        guard InputFile.isFolder(folder) else {
            throw TokenizerError.unreadable(file: folder, reason: "no such folder")
        }
        let file = folder + "/tokenizer.json"
        let json = InputFile.exists(file) ? try JSON.read(file: file) : nil
        var config = try TokenizerConfig(folder: folder, tokenizerJSON: json)
        let length = min(config.modelMaxLength ?? maximumLength ?? usualLength, maximumLength ?? .max)
        guard (3...TokenizerConfig.longest).contains(length) else {
            throw TokenizerError.badLength(folder: folder, length: length)
        }
        switch try kind(config, json) {
        case .clip:
            if let padding { config.setToken("pad", padding) }
            let vocabulary =
                try json.map { try CLIPVocabulary(folder: folder, tokenizerJSON: $0) }
                ?? CLIPVocabulary(folder: folder)
            return try CLIPTokenizer(vocabulary: vocabulary, config: config, maximumLength: length, learnt: learnt)
        case .sentencePiece(let layout):
            return try sentencePiece(layout, config: config, json: json, length: length, learnt: learnt)
        }
    }

    private static func sentencePiece(
        _ layout: SentencePieceLayout, config: TokenizerConfig, json: JSON?, length: Int, learnt: [LearntToken]
    ) throws -> any Tokenizer {
        if let json {
            let file = config.folder + "/tokenizer.json"
            let saved = try UnigramJSON(json, file: file)
            return try SentencePieceTokenizer(
                file: file, vocabulary: saved.vocabulary, normalizer: saved.normalizer, symbols: [],
                layout: layout,
                config: config, maximumLength: length, learnt: learnt)
        }
        guard let file = modelFile(config.folder, layout) else {
            throw TokenizerError.noTokenizer(folder: config.folder)
        }
        let model = try SentencePieceModel(file: file)
        return try SentencePieceTokenizer(
            file: file, vocabulary: layout.arrange(model.pieces, config: config),
            normalizer: model.normalizer,
            symbols: model.symbols, layout: layout, config: config, maximumLength: length, learnt: learnt)
    }

    /// By the class that the folder names; without one by the files that are there.
    private static func kind(_ config: TokenizerConfig, _ json: JSON?) throws -> Kind {
        switch config.tokenizerClass {
        case "CLIPTokenizer": return .clip
        case "T5Tokenizer": return .sentencePiece(.t5)
        case "XLMRobertaTokenizer": return .sentencePiece(.xlmRoberta)
        case let other?: throw TokenizerError.unsupported(file: config.file, tokenizer: other)
        case nil: break
        }
        if let json { return try kind(json, folder: config.folder) }
        if InputFile.exists(config.folder + "/vocab.json") { return .clip }
        if InputFile.exists(config.folder + "/spiece.model") { return .sentencePiece(.t5) }
        if InputFile.exists(config.folder + "/sentencepiece.bpe.model") { return .sentencePiece(.xlmRoberta) }
        if InputFile.exists(config.folder + "/tokenizer.model") { return .sentencePiece(.t5) }
        throw TokenizerError.noTokenizer(folder: config.folder)
    }

    private static func kind(_ json: JSON, folder: String) throws -> Kind {
        let model = json["model"]
        switch model?["type"]?.string {
        case "BPE" where model?["end_of_word_suffix"]?.string == "</w>": return .clip
        case "Unigram":
            let first = model?["vocab"]?.array?.first?.array?.first?.string
            return .sentencePiece(first == "<s>" ? .xlmRoberta : .t5)
        case let type:
            throw TokenizerError.unsupported(
                file: folder + "/tokenizer.json", tokenizer: "model of type \(type ?? "unknown")")
        }
    }

    private static func modelFile(_ folder: String, _ layout: SentencePieceLayout) -> String? {
        let names =
            switch layout {
            case .t5: ["spiece.model", "sentencepiece.bpe.model", "tokenizer.model"]
            case .xlmRoberta: ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model"]
            }
        return names.map { folder + "/" + $0 }.first(where: InputFile.exists)
    }
}
