/// A unigram vocabulary trained by SentencePiece, in T5's or XLM-R's layout: id for id as transformers' tokenizers.
///
/// transformers 5 encodes with the tokenizers library, not with libsentencepiece, and the two differ: white space
/// always separates, bytes never stand in for unknown characters (they become the unknown token), and characters
/// are replaced cluster by cluster. Here it goes as in transformers, since that is what models are compared with.
struct SentencePieceTokenizer: Tokenizer {
    /// What SentencePiece writes for the space before a word.
    private static let wordStart: Unicode.Scalar = "▁"

    let kind: String
    var maximumLength: Int { frame.maximumLength }
    let vocabularySize: Int

    private let model: UnigramModel
    private let normalizer: PrecompiledNormalizer?
    private let added: AddedTokens
    /// The same without embeddings.
    private let addedAlone: AddedTokens
    let frame: PromptFrame
    private let addPrefixSpace: Bool
    /// Finds what stays as it is where text is lower-cased; nil where none is.
    private let lowercasing: Lowercasing?
    let learnt: [LearntWord]

    /// - Parameters:
    ///   - file: where the vocabulary comes from, for messages.
    ///   - vocabulary: in the layout's order; the index is the id.
    ///   - symbols: further tokens that are looked for in the text itself.
    ///   - learnt: tokens of embeddings
    init(
        file: String, vocabulary: [(piece: String, score: Double)], normalizer: PrecompiledNormalizer?,
        symbols: [String], layout: SentencePieceLayout, config: TokenizerConfig, maximumLength: Int,
        learnt: [LearntToken] = []
    ) throws {
        guard vocabulary.count > layout.unknown else {
            throw TokenizerError.malformed(file: file, reason: "\(vocabulary.count) pieces are too few")
        }
        let unknownName = config.token("unk", default: "<unk>").content
        let model = UnigramModel(
            vocabulary, unknown: vocabulary.firstIndex { $0.piece == unknownName } ?? layout.unknown)
        func special(_ role: String, _ name: String, _ content: String) throws -> Token {
            let token = config.token(role, default: content)
            guard let id = model.id(token.content) else {
                throw TokenizerError.missingToken(file: file, token: token.content, role: name)
            }
            return Token(id: id, piece: token.content)
        }
        let end = try special("eos", "end", "</s>")
        let pad = try special("pad", "padding", "<pad>")
        let sentinels = layout == .t5 ? SentencePieceLayout.sentinels(config.extraIDs).reversed() : []
        var tokens = AddedVocabulary(
            size: model.size,
            candidates: config.added + layout.roles.map { config.token($0.role, default: $0.content) }
                + config.named.map(\.token) + config.extra + (symbols + sentinels).map { AddedToken($0) },
            id: model.id)
        let alone = tokens.tokens
        self.learnt = try zip(learnt, tokens.append(learnt, file: file)).map { LearntWord(token: $0, ids: $1) }
        kind = layout.name
        vocabularySize = tokens.size
        self.model = model
        self.normalizer = normalizer
        addPrefixSpace = layout == .t5 || config.addPrefixSpace
        lowercasing =
            layout == .t5 && config.lowercases ? Lowercasing(keeping: tokens.tokens.map(\.token.content)) : nil
        added = AddedTokens(tokens.tokens, runs: tokens.runs) { normalizer?.normalize($0) ?? String($0) }
        addedAlone = learnt.isEmpty ? added : AddedTokens(alone) { normalizer?.normalize($0) ?? String($0) }
        frame = PromptFrame(
            prefix: layout == .xlmRoberta ? [try special("bos", "start", "<s>")] : [], end: end, pad: pad.id,
            maximumLength: maximumLength)
    }

    func encode(_ text: String) throws -> TokenizedPrompt {
        frame.assemble(try tokens(text)) { dropped in
            SpelledText.trimmed(dropped.lazy.map(\.piece).joined(), space: Self.wordStart)
        }
    }

    func pieces(_ text: String) throws -> [(piece: String, id: Int)] {
        frame.surround(try tokens(text))
    }

    func tokens(_ text: String, withLearnt: Bool) throws -> [Token] {
        try TextLimit.check(text)
        var tokens: [Token] = []
        let text = lowercasing?.lowercased(text) ?? text
        let added = withLearnt ? added : addedAlone
        for part in added.split(text, normalize: { normalizer?.normalize($0) ?? String($0) }) {
            switch part {
            case .token(let token): tokens += added.run(of: token)
            case .text(let ordinary):
                for word in words(ordinary) { tokens += model.encode(word) }
            }
        }
        return tokens
    }

    /// White space separates; each word gets "▁" in front, and one in its midst begins a new word.
    private func words(_ text: Substring) -> [Substring] {
        var words: [Substring] = []
        let mark = Self.wordStart
        for chunk in text.unicodeScalars.split(whereSeparator: UnicodeClasses.isSpace) {
            var word = String.UnicodeScalarView()
            if addPrefixSpace, chunk.first != mark { word.append(mark) }
            for scalar in chunk {
                if scalar == mark, !word.isEmpty {
                    words.append(Substring(String(word)))
                    word = String.UnicodeScalarView()
                }
                word.append(scalar)
            }
            words.append(Substring(String(word)))
        }
        return words
    }
}
