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
    /// The first token of a learnt word: how many it has.
    private let learnt: [Int: Int]
    private var chunks: [PromptChunk] = []
    private var chunk: [WeightedToken] = []

    private init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
        room = max(1, tokenizer.frame.room)
        var learnt: [Int: Int] = [:]
        for ids in tokenizer.learntIDs { if let first = ids.first { learnt[first] = ids.count } }
        self.learnt = learnt
    }

    /// As the webui's `tokenize_line` does: `BREAK` ends a chunk; where one is full, and a comma not far, it ends after
    /// the comma; a learnt word stays in one chunk.
    ///
    /// - Returns: at least one chunk
    /// - Throws: `PromptError`, `TokenizerError`
    package static func webUI(_ text: [WeightedText], _ tokenizer: any Tokenizer) throws -> [PromptChunk] {
        var cutter = PromptChunks(tokenizer)
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
    /// whole if it does not fit, unless it is a long one.
    ///
    /// - Returns: at least one chunk
    /// - Throws: `PromptError`, `TokenizerError`
    package static func comfy(_ text: [WeightedText], _ tokenizer: any Tokenizer) throws -> [PromptChunk] {
        var cutter = PromptChunks(tokenizer)
        for stretch in text {
            for part in stretch.text.unicodeScalars.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
                var word = try cutter.words(WeightedText(String(part), stretch.weight)).flatMap(\.self)[...]
                let isLong = word.count >= longWord
                while cutter.chunk.count + word.count > cutter.room {
                    if isLong {
                        let count = cutter.room - cutter.chunk.count
                        cutter.chunk += word.prefix(count)
                        word = word.dropFirst(count)
                    }
                    try cutter.close()
                }
                cutter.chunk += word
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
        var cutter = PromptChunks(tokenizer)
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

    /// A stretch's tokens: each by itself, but for those of a learnt word.
    private func words(_ stretch: WeightedText) throws -> [[WeightedToken]] {
        guard stretch.weight.isFinite, abs(stretch.weight) <= PromptError.largestWeight else {
            throw PromptError.weightOutOfRange(stretch.weight)
        }
        var words: [[WeightedToken]] = []
        var rest = try tokenizer.tokens(stretch.text)[...]
        while let first = rest.first {
            words.append(
                rest.prefix(learnt[first.id] ?? 1).map {
                    WeightedToken(id: $0.id, piece: $0.piece, weight: stretch.weight)
                })
            rest = rest.dropFirst(learnt[first.id] ?? 1)
        }
        return words
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
