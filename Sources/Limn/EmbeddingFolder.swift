import Checkpoints
import FoundationEssentials
import Tokenizers

/// A folder of embeddings (textual inversions), which prompts call by their files' names, and plain ones by their words.
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

    /// The files that the prompts of requests call: ComfyUI's by `embedding:name`, others by the bare name, a word of the
    /// prompt of its own, plain ones also by the word that the file tells. Case does not count.
    ///
    /// - Throws: `LimnError` for prompts that cannot be read
    public func files(for requests: [Request]) throws -> [String] {
        // nil for what is no embedding; whoever calls such a file by its name is told why when it is loaded.
        let words =
            requests.contains(where: \.isPlain) ? files.map { try? TextualInversion(path: path + "/" + $0).name } : []
        return try requests.flatMap { try files(for: $0, words: words) }
    }

    /// - Parameter words: of the files, for plain prompts
    private func files(for request: Request, words: [String?]) throws -> [String] {
        let texts = [request.prompt, request.negativePrompt] + [request.text.morph?.prompt].compactMap(\.self)
        if request.promptStyle == .comfyui {
            do {
                return try texts.flatMap { try ComfyMarker.names(in: $0).compactMap(file(named:)) }
            } catch {
                throw LimnError(String(describing: error), isUsage: true)
            }
        }
        let lowered = texts.map { Array($0.lowercased().unicodeScalars) }
        var names: Set<String> = []
        func isCalled(_ name: String) -> Bool {
            !name.isEmpty && lowered.contains { Self.hasWord(Array(name.unicodeScalars), in: $0) }
        }
        return files.enumerated().filter { index, file in
            let name = EmbeddingName.stem(of: file).lowercased()
            let word = request.isPlain ? words[index]?.lowercased() : nil
            return (isCalled(name) || isCalled(word ?? "")) && names.insert(name).inserted
        }.map { path + "/" + $0.element }
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
