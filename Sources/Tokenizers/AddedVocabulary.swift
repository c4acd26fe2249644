/// The added tokens' ids: a token of the vocabulary keeps its id, others follow behind the vocabulary in order.
struct AddedVocabulary: Sendable {
    private(set) var tokens: [(token: AddedToken, id: Int)] = []
    private var ids: [ExactString: Int] = [:]
    /// One more than the largest id.
    private(set) var size: Int

    /// - Parameters:
    ///   - size: of the vocabulary that is added to.
    ///   - candidates: of several with the same text the first counts.
    ///   - id: the vocabulary's id of a text.
    init(size: Int, candidates: [AddedToken], id: (String) -> Int?) {
        self.size = size
        for token in candidates where !token.content.isEmpty && ids[ExactString(token.content)] == nil {
            let known = id(token.content)
            if known == nil { self.size += 1 }
            let chosen = known ?? self.size - 1
            ids[ExactString(token.content)] = chosen
            tokens.append((token, chosen))
        }
    }
}
