import FoundationEssentials
import Tokenizers

/// A folder of embeddings (textual inversions), which prompts call by their files' names.
public struct EmbeddingFolder: Sendable {
    public let path: String
    /// Below the folder; safetensors first, so that they are taken where the same lies there in another form too.
    private let files: [String]

    /// - Throws: `LimnError` if the folder cannot be read
    public init(path: String) throws {
        self.path = path
        do {
            let found = try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
            files = EmbeddingName.endings.flatMap { ending in found.filter { $0.lowercased().hasSuffix(ending) } }
        } catch {
            throw LimnError(
                "\(path): this folder of embeddings cannot be read; give one that is there with --embedding-dir")
        }
    }

    /// The file of a name: its path below the folder or the end of it, with or without the ending; nil if there is none.
    public func file(named name: String) -> String? {
        for ignoresCase in [false, true] {
            if let file = files.first(where: { EmbeddingName.matches(name, $0, ignoringCase: ignoresCase) }) {
                return path + "/" + file
            }
        }
        return nil
    }

    /// The files that the prompts of a request call: ComfyUI's by `embedding:name`, others by the bare name, a word of the
    /// prompt of its own. Case does not count.
    ///
    /// - Throws: `LimnError` for prompts that cannot be read
    public func files(for request: Request) throws -> [String] {
        let texts = [request.prompt, request.negativePrompt] + [request.morph?.prompt].compactMap(\.self)
        let style = request.promptStyle ?? request.likeness.habits.style
        if style == .comfyui {
            do {
                return try texts.flatMap { try ComfyMarker.names(in: $0).compactMap(file(named:)) }
            } catch {
                throw LimnError(String(describing: error), isUsage: true)
            }
        }
        let lowered = texts.map { Array($0.lowercased().unicodeScalars) }
        var names: Set<String> = []
        return files.filter { file in
            let name = EmbeddingName.stem(of: file).lowercased()
            guard !name.isEmpty, lowered.contains(where: { Self.hasWord(Array(name.unicodeScalars), in: $0) }) else {
                return false
            }
            return names.insert(name).inserted
        }.map { path + "/" + $0 }
    }

    /// Whether a text has a word that no letter or digit stands beside.
    private static func hasWord(_ word: [Unicode.Scalar], in text: [Unicode.Scalar]) -> Bool {
        func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
        guard word.count <= text.count else { return false }
        return (0...text.count - word.count).contains { start in
            let end = start + word.count
            return text[start] == word[0] && text[start..<end].elementsEqual(word)
                && (start == 0 || !isPartOfWord(text[start - 1])) && (end == text.count || !isPartOfWord(text[end]))
        }
    }
}

extension Recipe {
    /// Whether a file is the embedding that other programs call so.
    public static func isEmbedding(_ path: String, named name: String) -> Bool {
        EmbeddingName.stem(of: path).lowercased() == EmbeddingName.stem(of: name).lowercased()
    }
}

extension Model {
    /// What there is to say of the model's embeddings and these requests: words that are not their files' names, and
    /// embeddings that no prompt uses. Nothing where prompts cannot be read, which drawing them says.
    public func embeddingNotes(for requests: [Request]) -> (notes: [String], warnings: [String]) {
        guard !embeddings.isEmpty, let learnt = networks.texts.first?.tokenizer.learnt else { return ([], []) }
        var used: Set<Int> = []
        var styles: Set<PromptStyle> = []
        for request in requests {
            let style = request.promptStyle ?? request.likeness.habits.style
            styles.insert(style)
            guard let texts = try? texts(of: request) else { return ([], []) }
            for text in texts {
                for reader in networks.texts {
                    guard let ids = try? style.ids(text, reader.tokenizer) else { return ([], []) }
                    used.formUnion(ids)
                }
            }
        }
        var (notes, warnings) = ([String](), [String]())
        // Those of LoRAs come with them, used or not.
        for word in learnt where embeddings.contains(word.token.file) {
            let file = ComfyUIWorkflow.lastPart(word.token.file)
            if !used.contains(where: word.ids.contains) {
                let words = Set(styles.map { $0.word(for: word.token) }).sorted().joined(separator: " or ")
                warnings.append(
                    "no prompt uses the embedding \(file), whose word is \"\(ComfyUIWorkflow.short(words))\"")
            } else if styles.contains(.plain), word.token.name != EmbeddingName.stem(of: word.token.file) {
                notes.append("the word of the embedding \(file) is \"\(ComfyUIWorkflow.short(word.token.name))\"")
            }
        }
        return (notes, warnings)
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
