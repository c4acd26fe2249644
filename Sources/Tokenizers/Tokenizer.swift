/// A prompt as the text encoder takes it.
package struct TokenizedPrompt: Sendable, Equatable {
    /// Exactly `maximumLength` ids: the prompt's tokens, special tokens included, then padding.
    package let ids: [Int]
    /// How many of `ids` are not padding, special tokens included.
    package let tokenCount: Int
    /// The words cut off because the prompt has more tokens than there is room for, as the tokenizer
    /// reads them (CLIP lower-cases); nil if everything fits.
    package let dropped: String?

    package init(ids: [Int], tokenCount: Int, dropped: String?) {
        self.ids = ids
        self.tokenCount = tokenCount
        self.dropped = dropped
    }
}

/// Text → the ids of a text encoder's vocabulary, id for id those of transformers' tokenizer of the same folder
/// called with `padding="max_length", truncation=True`.
package protocol Tokenizer: Sendable {
    /// The number of ids in every encoded prompt.
    var maximumLength: Int { get }

    /// One more than the largest id that can occur: a text encoder's embedding table needs as many rows.
    var vocabularySize: Int { get }

    /// The embeddings that it was loaded with.
    var learnt: [LearntWord] { get }

    /// What it is, for people: "SentencePiece, T5 layout", "CLIP byte-level BPE".
    var kind: String { get }

    /// What stands around a prompt's tokens.
    var frame: PromptFrame { get }

    /// The prompt's ids, cut to `maximumLength` (the leading tokens and the end token stay) and padded to it.
    ///
    /// Throws `TokenizerError.textTooLong` for more than `TextLimit.bytes` bytes of UTF-8.
    func encode(_ text: String) throws -> TokenizedPrompt

    /// All tokens with the special tokens around them, neither cut nor padded.
    ///
    /// An unknown character stands for itself beside the unknown token's id.
    func pieces(_ text: String) throws -> [(piece: String, id: Int)]

    /// All tokens without the special ones, neither cut nor padded.
    ///
    /// - Parameter withLearnt: whether the names of embeddings in the text stand for these, or for their letters
    func tokens(_ text: String, withLearnt: Bool) throws -> [Token]
}

extension Tokenizer {
    package func tokens(_ text: String) throws -> [Token] { try tokens(text, withLearnt: true) }
}

/// How long a text may be. Encoding takes time and memory in proportion (about 100 bytes a byte).
package enum TextLimit {
    package static let bytes = 4 << 20

    static func check(_ text: String) throws {
        let count = text.utf8.count
        if count > bytes { throw TokenizerError.textTooLong(bytes: count, limit: bytes) }
    }
}

/// A token of the text: its id, and what it is called.
package struct Token: Sendable, Equatable {
    package var id: Int
    /// The vocabulary's spelling; for an unknown token the characters it stands for.
    package var piece: String
}

/// The ids around the prompt's own, and how many there are in all.
package struct PromptFrame: Sendable {
    /// Ids before the prompt's own: CLIP's and XLM-R's start token.
    package let prefix: [Token]
    package let end: Token
    package let pad: Int
    package let maximumLength: Int

    /// How many tokens of the prompt's own there is room for.
    package var room: Int { max(0, maximumLength - prefix.count - 1) }

    /// Cuts from the end, as transformers' truncation does: special tokens are added after it and always stay.
    ///
    /// - Parameter spelled: the words that a run of tokens stands for.
    func assemble(_ tokens: [Token], spelled: (ArraySlice<Token>) -> String) -> TokenizedPrompt {
        var ids = prefix.map(\.id)
        ids.reserveCapacity(maximumLength)
        ids += tokens.prefix(room).lazy.map(\.id)
        ids.append(end.id)
        let tokenCount = ids.count
        ids += repeatElement(pad, count: max(0, maximumLength - tokenCount))
        let dropped = tokens.count > room ? spelled(tokens.dropFirst(room)) : nil
        return TokenizedPrompt(ids: ids, tokenCount: tokenCount, dropped: dropped)
    }

    func surround(_ tokens: [Token]) -> [(piece: String, id: Int)] {
        (prefix + tokens + [end]).map { ($0.piece, $0.id) }
    }
}
