/// A token of a prompt and how much it counts.
package struct WeightedToken: Sendable, Equatable {
    package var id: Int
    package var piece: String
    package var weight: Double

    package init(id: Int, piece: String, weight: Double = 1) {
        (self.id, self.piece, self.weight) = (id, piece, weight)
    }
}

/// What a text encoder reads of a prompt at a time: as many tokens as it has room for, at most.
package struct PromptChunk: Sendable, Equatable {
    package var tokens: [WeightedToken] = []

    package init(_ tokens: [WeightedToken] = []) { self.tokens = tokens }

    /// Its ids with what stands around them, padded, and how many of them are no padding.
    package func framed(_ frame: PromptFrame) -> (ids: [Int], count: Int) {
        let ids = frame.prefix.map(\.id) + tokens.map(\.id) + [frame.end.id]
        return (ids + Array(repeating: frame.pad, count: max(0, frame.maximumLength - ids.count)), ids.count)
    }

    /// The weight of each of these ids.
    package func weights(_ frame: PromptFrame) -> [Double] {
        var weights = [Double](repeating: 1, count: max(frame.maximumLength, frame.prefix.count + tokens.count + 1))
        for (index, token) in tokens.enumerated() { weights[frame.prefix.count + index] = token.weight }
        return weights
    }

    package var isWeighted: Bool { tokens.contains { $0.weight != 1 } }
}

/// Cuts prompts of any length into chunks.
package struct PromptChunks {
    /// How far back the webui looks for a comma after which to cut (`comma_padding_backtrack`).
    private static let commaReach = 20
    /// As many tokens as make a word so long that ComfyUI cuts it (`max_word_length`).
    private static let longWord = 8

    private let tokenizer: any Tokenizer
    private let room: Int
    /// Embeddings by the first id of what their files' names are spelled with; longer spellings first.
    private var spellings: [Int: [(ids: [Int], word: LearntWord)]] = [:]
    private var chunks: [PromptChunk] = []
    private var chunk: [WeightedToken] = []

    private init(_ tokenizer: any Tokenizer) throws {
        self.tokenizer = tokenizer
        room = max(1, tokenizer.frame.room)
        for word in tokenizer.learnt {
            let ids = try tokenizer.tokens(EmbeddingName.stem(of: word.token.file), withLearnt: false).map(\.id)
            if let first = ids.first { spellings[first, default: []].append((ids, word)) }
        }
        for first in spellings.keys { spellings[first]?.sort { $0.ids.count > $1.ids.count } }
    }

    /// As the webui's `tokenize_line` does: `BREAK` ends a chunk; where one is full, and a comma not far, it ends after
    /// the comma; a learnt word stays in one chunk.
    ///
    /// - Returns: at least one chunk
    /// - Throws: `PromptError`, `TokenizerError`
    package static func webUI(_ text: [WeightedText], _ tokenizer: any Tokenizer) throws -> [PromptChunk] {
        var cutter = try PromptChunks(tokenizer)
        var lastComma: Int?
        func close() throws {
            lastComma = nil
            try cutter.close()
        }
        for stretch in text {
            if stretch.isBreak {
                try close()
                continue
            }
            for word in try cutter.words(stretch) {
                if word[0].piece == ",</w>" || word[0].piece == "," {
                    lastComma = cutter.chunk.count
                } else if cutter.chunk.count == cutter.room, let comma = lastComma,
                    cutter.chunk.count - comma <= commaReach
                {
                    let moved = cutter.chunk[(comma + 1)...]
                    cutter.chunk.removeSubrange((comma + 1)...)
                    try close()
                    cutter.chunk = Array(moved)
                }
                if cutter.chunk.count == cutter.room { try close() }
                if word.count > 1, cutter.chunk.count + word.count > cutter.room, !cutter.chunk.isEmpty { try close() }
                try cutter.append(word)
            }
        }
        if !cutter.chunk.isEmpty || cutter.chunks.isEmpty { try cutter.close() }
        return cutter.chunks
    }

    /// As ComfyUI's `tokenize_with_weights` does: text is cut at spaces first, and a word goes to the next chunk as a
    /// whole if it does not fit, unless it is a long one. `embedding:name` stands for the embedding's vectors alone.
    ///
    /// - Parameter missing: is told the names of embeddings that are not there, which are left out
    /// - Returns: at least one chunk
    /// - Throws: `PromptError`, `TokenizerError`
    package static func comfy(
        _ text: [WeightedText], _ tokenizer: any Tokenizer, missing: (String) -> Void = { _ in }
    ) throws -> [PromptChunk] {
        var cutter = try PromptChunks(tokenizer)
        for stretch in text {
            for part in ComfyWords.parts(of: stretch.text) {
                var text = part
                if let marker = ComfyMarker(part) {
                    let (word, rest) = marker.resolve { name in
                        tokenizer.learnt.first { EmbeddingName.matches(name, $0.token.file) }
                            ?? tokenizer.learnt.first {
                                EmbeddingName.matches(name, $0.token.file, ignoringCase: true)
                            }
                    }
                    if let word {
                        try cutter.appendMoving(word.tokens(weight: try checked(stretch.weight)))
                    } else {
                        missing(marker.name)
                    }
                    text = rest
                }
                if !text.isEmpty { try cutter.appendMoving(try cutter.letters(WeightedText(text, stretch.weight))) }
            }
        }
        try cutter.close()
        return cutter.chunks
    }

    /// As stable-diffusion.cpp does: a chunk ends where it is full, and `BREAK` ends one that has something in it.
    ///
    /// - Returns: at least one chunk
    /// - Throws: `PromptError`, `TokenizerError`
    package static func sdcpp(_ text: [WeightedText], _ tokenizer: any Tokenizer) throws -> [PromptChunk] {
        var cutter = try PromptChunks(tokenizer)
        for stretch in text {
            if stretch.isBreak {
                if !cutter.chunk.isEmpty { try cutter.close() }
                continue
            }
            for word in try cutter.words(stretch) { try cutter.append(word) }
        }
        if !cutter.chunk.isEmpty || cutter.chunks.isEmpty { try cutter.close() }
        return cutter.chunks
    }

    private static func checked(_ weight: Double) throws -> Double {
        guard weight.isFinite, abs(weight) <= PromptError.largestWeight else {
            throw PromptError.weightOutOfRange(weight)
        }
        return weight
    }

    /// A stretch's tokens as its letters have them.
    private func letters(_ stretch: WeightedText) throws -> [WeightedToken] {
        let weight = try Self.checked(stretch.weight)
        return try tokenizer.tokens(stretch.text, withLearnt: false).map {
            WeightedToken(id: $0.id, piece: $0.piece, weight: weight)
        }
    }

    /// A stretch's tokens: each by itself, but for those of an embedding, whose file's name is found as the webui's
    /// `find_embedding_at_position` does: where the text has the tokens that the name is spelled with.
    private func words(_ stretch: WeightedText) throws -> [[WeightedToken]] {
        var words: [[WeightedToken]] = []
        var rest = try letters(stretch)[...]
        while let first = rest.first {
            let found = spellings[first.id]?.first { rest.lazy.map(\.id).starts(with: $0.ids) }
            words.append(found?.word.tokens(weight: first.weight) ?? [first])
            rest = rest.dropFirst(found?.ids.count ?? 1)
        }
        return words
    }

    /// Appends a word, or begins a chunk with it if it does not fit; a long one is cut.
    private mutating func appendMoving(_ word: [WeightedToken]) throws {
        var word = word[...]
        let isLong = word.count >= Self.longWord
        while chunk.count + word.count > room {
            if isLong {
                let count = room - chunk.count
                chunk += word.prefix(count)
                word = word.dropFirst(count)
            }
            try close()
        }
        chunk += word
    }

    /// Appends a word that fits, or one too long for any chunk, which is cut.
    private mutating func append(_ word: [WeightedToken]) throws {
        for token in word {
            if chunk.count == room { try close() }
            chunk.append(token)
        }
    }

    private mutating func close() throws {
        guard chunks.count < PromptError.mostChunks else { throw PromptError.tooManyChunks(chunks.count + 1) }
        chunks.append(PromptChunk(chunk))
        chunk = []
    }
}
