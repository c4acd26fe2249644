import Platform

/// CLIP's byte-level BPE: words in lower case, spelled byte by byte, the last byte of each marked with `</w>`.
///
/// Radford et al. 2021; id for id as transformers' `CLIPTokenizer`.
struct CLIPTokenizer: Tokenizer {
    private static let endOfWord = "</w>"

    let kind = "CLIP byte-level BPE"
    var maximumLength: Int { frame.maximumLength }
    let vocabularySize: Int

    private let vocabulary: CLIPVocabulary
    private let added: AddedTokens
    /// The same without embeddings.
    private let addedAlone: AddedTokens
    let frame: PromptFrame
    private let unknown: Int
    /// Byte → its id within a word, and at the end of one.
    private let inner: [Int]
    private let final: [Int]

    let learnt: [LearntWord]

    /// - Parameter learnt: tokens of embeddings
    init(
        vocabulary: CLIPVocabulary, config: TokenizerConfig, maximumLength: Int, learnt: [LearntToken] = []
    ) throws {
        func special(_ role: String, _ name: String, _ content: String) throws -> (token: AddedToken, id: Int) {
            let token = config.token(role, default: content)
            guard let id = vocabulary.id(token.content) else {
                throw TokenizerError.missingToken(file: vocabulary.file, token: token.content, role: name)
            }
            return (token, id)
        }
        let start = try special("bos", "start", "<|startoftext|>")
        let end = try special("eos", "end", "<|endoftext|>")
        let pad = try special("pad", "padding", "<|endoftext|>")
        let unknown = try special("unk", "unknown", "<|endoftext|>")
        var tokens = AddedVocabulary(
            size: vocabulary.size,
            candidates: config.added + [start.token, end.token, unknown.token, pad.token]
                + config.named.map(\.token) + config.extra,
            id: vocabulary.id)
        let alone = tokens.tokens
        self.learnt = try zip(learnt, tokens.append(learnt, file: config.file)).map { LearntWord(token: $0, ids: $1) }
        self.vocabulary = vocabulary
        self.unknown = unknown.id
        vocabularySize = tokens.size
        added = AddedTokens(tokens.tokens, runs: tokens.runs, normalize: CLIPSplitter.normalize)
        addedAlone = learnt.isEmpty ? added : AddedTokens(alone, normalize: CLIPSplitter.normalize)
        frame = PromptFrame(
            prefix: [Token(id: start.id, piece: start.token.content)],
            end: Token(id: end.id, piece: end.token.content), pad: pad.id, maximumLength: maximumLength)
        inner = ByteAlphabet.characters.map { vocabulary.id(String($0)) ?? unknown.id }
        final = ByteAlphabet.characters.map { vocabulary.id(String($0) + Self.endOfWord) ?? unknown.id }
    }

    func encode(_ text: String) throws -> TokenizedPrompt {
        frame.assemble(try tokens(text), spelled: spelled)
    }

    func pieces(_ text: String) throws -> [(piece: String, id: Int)] {
        frame.surround(try tokens(text))
    }

    func tokens(_ text: String, withLearnt: Bool) throws -> [Token] {
        try TextLimit.check(text)
        var tokens: [Token] = []
        // Prompts repeat words; a word's ids are the same wherever it stands.
        var known: [ExactString: [Token]] = [:]
        for part in (withLearnt ? added : addedAlone).split(text, normalize: CLIPSplitter.normalize) {
            switch part {
            case .token(let token): tokens += added.run(of: token)
            case .text(let ordinary):
                for word in CLIPSplitter.words(ordinary) {
                    let key = ExactString(word)
                    let encoded = known[key] ?? self.word(word)
                    known[key] = encoded
                    tokens += encoded
                }
            }
        }
        return tokens
    }

    private func word(_ word: String) -> [Token] {
        let bytes = Array(word.utf8)
        guard let last = bytes.last else { return [] }
        let symbols = bytes.dropLast().map { inner[Int($0)] } + [final[Int(last)]]
        return vocabulary.merges.encode(symbols).map { id in
            Token(
                id: id, piece: vocabulary.spellings.indices.contains(id) ? vocabulary.spellings[id] ?? "" : ""
            )
        }
    }

    /// The words that tokens stand for; a token that was added is written as it is.
    private func spelled(_ tokens: ArraySlice<Token>) -> String {
        var spelling = ""
        var text = ""
        func flush() {
            text += ByteAlphabet.text(spelling)
            spelling = ""
        }
        for token in tokens {
            let isVocabulary = vocabulary.id(token.piece) == token.id
            let endsWord = token.piece.hasSuffix(Self.endOfWord)
            if isVocabulary, !token.piece.hasPrefix("<|") {
                spelling += endsWord ? token.piece.dropLast(Self.endOfWord.count) : token.piece[...]
            } else {
                flush()
                text += token.piece
            }
            if endsWord {
                flush()
                text += " "
            }
        }
        flush()
        return SpelledText.trimmed(text)
    }
}
