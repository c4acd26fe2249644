import Platform

/// The added tokens' ids: a token of the vocabulary keeps its id, others follow behind the vocabulary in order.
struct AddedVocabulary {
    private(set) var tokens: [(token: AddedToken, id: Int)] = []
    private var ids: [ExactString: Int] = [:]
    /// One more than the largest id.
    private(set) var size: Int
    /// The tokens that a first one of several stands for, by its id.
    private(set) var runs: [Int: [Token]] = [:]
    private let known: (String) -> Int?

    /// - Parameters:
    ///   - size: of the vocabulary that is added to.
    ///   - candidates: of several with the same text the first counts.
    ///   - id: the vocabulary's id of a text.
    init(size: Int, candidates: [AddedToken], id: @escaping (String) -> Int?) {
        self.size = size
        known = id
        for token in candidates where !token.content.isEmpty && ids[ExactString(token.content)] == nil {
            let known = id(token.content)
            if known == nil { self.size += 1 }
            let chosen = known ?? self.size - 1
            ids[ExactString(token.content)] = chosen
            tokens.append((token, chosen))
        }
    }

    /// Adds the tokens of embeddings, each as `name`, `name_1`, `name_2`, … for as many vectors as it has.
    ///
    /// - Returns: the ids of each
    /// - Throws: `TokenizerError` if one of them is there already
    mutating func append(_ learnt: [LearntToken], file: String) throws -> [[Int]] {
        try learnt.map { token in
            let names = (0..<token.count).map { $0 == 0 ? token.name : "\(token.name)_\($0)" }
            let run = try names.map { name in
                guard !name.isEmpty, known(name) == nil, ids[ExactString(name)] == nil else {
                    throw TokenizerError.known(file: file, token: name)
                }
                var added = AddedToken(name)
                added.normalized = true
                ids[ExactString(name)] = size
                tokens.append((added, size))
                size += 1
                return Token(id: size - 1, piece: name)
            }
            if let first = run.first { runs[first.id] = run }
            return run.map(\.id)
        }
    }
}
