import Checkpoints
import Models
import Tokenizers

extension ModelDescription {
    /// The embeddings that are asked for, and those of the offered ones that fit the model.
    ///
    /// - Parameter warnings: gets what is left out
    /// - Throws: `CheckpointError` if one that is asked for cannot be read
    func embeddings(_ options: LoadOptions, _ warnings: inout [String]) throws -> [TextualInversion] {
        var words = try options.embeddings.map { try TextualInversion(path: $0) }
        let given = words.count
        func leaveOut(_ problem: any Error) { warnings.append("an embedding is left out: \(problem)") }
        for path in options.offeredEmbeddings {
            do {
                let word = try TextualInversion(path: path)
                for text in texts { _ = try word.vectors(for: text.part.rawValue, width: text.config.tokenChannels) }
                words.append(word)
            } catch {
                leaveOut(error)
            }
        }
        guard words.count > given, options.readsPlainPrompts else { return words }
        let conflicts = try conflicts(of: words)
        return zip(words, conflicts).enumerated().compactMap { index, entry in
            guard index >= given, let conflict = entry.1 else { return entry.0 }
            leaveOut(conflict)
            return nil
        }
    }

    /// Adds the embeddings of LoRAs to words, except those whose word is taken.
    ///
    /// - Parameter warnings: gets what is left out
    /// - Returns: the words that were added
    func add(
        _ bundled: [TextualInversion], to words: inout [TextualInversion], _ warnings: inout [String]
    ) throws -> [String] {
        guard !bundled.isEmpty else { return [] }
        var added: [String] = []
        for (embedding, conflict) in zip(bundled, try conflicts(of: words + bundled).dropFirst(words.count)) {
            switch conflict {
            case nil:
                words.append(embedding)
                added.append(embedding.name)
            case .known(_, let token):
                warnings.append(
                    "\(embedding.path): its embedding \"\(embedding.name)\" is not used, for \"\(token)\" is a word of the "
                        + "model's vocabulary")
            default:
                warnings.append(
                    "\(embedding.path): its embedding \"\(embedding.name)\" is not used, for there is another of this "
                        + "name")
            }
        }
        return added
    }

    /// Why plain prompts cannot call each of these words.
    private func conflicts(of words: [TextualInversion]) throws -> [TokenizerError?] {
        let tokenizers = try tokenizers(words)
        return words.indices.map { index in tokenizers.lazy.compactMap { $0.learnt[index].conflict }.first }
    }
}

extension Request {
    /// How its prompts are read.
    var promptStyle: PromptStyle { text.style ?? likeness.habits.style }

    /// Whether its prompts call embeddings by their own words.
    public var isPlain: Bool { promptStyle == .plain }

    /// Whether its prompts have the webui's tags, `<word:…>`.
    public var readsWebUIPrompts: Bool { promptStyle == .webui }

    /// - Throws: `TokenizerError` if its prompts are plain, and an embedding's word is another's too
    func checkWords(_ tokenizers: [any Tokenizer]) throws {
        guard isPlain, let conflict = tokenizers.lazy.flatMap(\.learnt).compactMap(\.conflict).first else { return }
        throw conflict
    }
}
