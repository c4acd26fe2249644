import Tokenizers

/// What there is to say of embeddings and the prompts that use them, or do not.
struct EmbeddingNotes {
    /// Those that the prompts' tokens are looked up in.
    let learnt: [LearntWord]
    private(set) var used: Set<Int> = []
    private(set) var styles: Set<PromptStyle> = []

    init(_ learnt: [LearntWord]) { self.learnt = learnt }

    /// Reads a prompt.
    mutating func read(_ text: String, _ style: PromptStyle, _ tokenizer: any Tokenizer) throws {
        styles.insert(style)
        used.formUnion(try style.ids(text, tokenizer))
    }

    /// How the prompts that were read would call an embedding.
    func words(for word: LearntWord) -> String {
        ComfyUIWorkflow.short(Set(styles.map { $0.word(for: word.token) }).sorted().joined(separator: " or "))
    }

    /// What to say of an embedding that a prompt calls and that is not there.
    static func missing(_ name: String, in text: String = "prompt") -> String {
        "the \(text) asks for embedding:\(ComfyUIWorkflow.short(name)), which is not there, so it is left out; give its file "
            + "with --embedding, or its folder with --embedding-dir"
    }

    /// Embeddings that no prompt uses.
    func idle(_ isMeant: (LearntWord) -> Bool = { _ in true }) -> [String] {
        learnt.filter { isMeant($0) && used.isDisjoint(with: $0.ids) }.map { word in
            "no prompt uses the embedding \(ComfyUIWorkflow.lastPart(word.token.file)), whose word is "
                + "\"\(words(for: word))\""
        }
    }

    /// Words of plain prompts that are not their files' names.
    func ownWords(_ isMeant: (LearntWord) -> Bool = { _ in true }) -> [String] {
        guard styles.contains(.plain) else { return [] }
        return learnt.filter {
            isMeant($0) && !used.isDisjoint(with: $0.ids) && $0.token.name != EmbeddingName.stem(of: $0.token.file)
        }.map { word in
            "the word of the embedding \(ComfyUIWorkflow.lastPart(word.token.file)) is "
                + "\"\(ComfyUIWorkflow.short(word.token.name))\""
        }
    }
}

extension Model {
    /// What there is to say of the model's embeddings and these requests: words that are not their files' names,
    /// embeddings that no prompt uses, and those that LoRAs bring. Nothing where prompts cannot be read, which drawing them
    /// says.
    public func embeddingNotes(for requests: [Request]) -> (notes: [String], warnings: [String]) {
        guard let learnt = networks.texts.first?.tokenizer.learnt, !learnt.isEmpty else { return ([], []) }
        var found = EmbeddingNotes(learnt)
        do {
            for request in requests {
                for text in try texts(of: request) {
                    for reader in networks.texts { try found.read(text, request.promptStyle, reader.tokenizer) }
                }
            }
        } catch {
            return ([], [])
        }
        // Those of LoRAs come with them, used or not.
        let isBundled = { (word: LearntWord) in !self.embeddings.contains(word.token.file) }
        let ofLoRAs = learnt.filter(isBundled).map {
            "a LoRA brings an embedding: prompts use it by the word \"\(found.words(for: $0))\""
        }
        return (found.ownWords { !isBundled($0) } + ofLoRAs, found.idle { !isBundled($0) })
    }

    /// All texts that the model reads in a run.
    private func texts(of request: Request) throws -> Set<String> {
        let plan = try PromptPlan(request, steps: max(1, min(request.steps, 1000)))
        return Set(plan.stages.flatMap { [$0.negative] + $0.positives + [$0.target].compactMap(\.self) })
    }
}

extension PromptStyle {
    /// The ids of a text's tokens, of all that it has.
    fileprivate func ids(_ text: String, _ tokenizer: any Tokenizer) throws -> [Int] {
        if self == .plain { return try tokenizer.tokens(text).map(\.id) }
        return try chunks(text, tokenizer).flatMap { $0.tokens.map(\.id) }
    }
}
