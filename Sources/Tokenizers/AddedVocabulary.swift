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

    /// Adds the tokens of embeddings, each as `name`, `name_1`, `name_2`, … for as many vectors as it has. One whose names
    /// are taken gets ids alone: only prompts that call it by its file's name can use it.
    mutating func append(_ learnt: [LearntToken]) -> [LearntWord] {
        var owners: [ExactString: LearntToken] = [:]
        return learnt.map { token in
            let names = (0..<token.count).map { $0 == 0 ? token.name : "\(token.name)_\($0)" }
            let run = names.map { name in
                size += 1
                return Token(id: size - 1, piece: name)
            }
            let ids = run.map(\.id)
            for name in names {
                if let owner = owners[ExactString(name)] {
                    return LearntWord(
                        token: token, ids: ids, conflict: .sameWord(name, files: [owner.file, token.file]))
                }
                guard !name.isEmpty, known(name) == nil, self.ids[ExactString(name)] == nil else {
                    return LearntWord(token: token, ids: ids, conflict: .known(file: token.file, token: name))
                }
            }
            for piece in run {
                var added = AddedToken(piece.piece)
                added.normalized = true
                owners[ExactString(piece.piece)] = token
                tokens.append((added, piece.id))
            }
            if let first = run.first { runs[first.id] = run }
            return LearntWord(token: token, ids: ids)
        }
    }
}
