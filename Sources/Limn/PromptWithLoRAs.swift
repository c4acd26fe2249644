/// The LoRAs that a prompt asks for, as in `a cat, <lora:ink:0.8>`, and the prompt without them.
public struct PromptWithLoRAs: Sendable, Equatable {
    public struct Tag: Sendable, Equatable {
        public let name: String
        public let weight: Float
    }

    /// The prompt without the tags.
    public let prompt: String
    public let tags: [Tag]

    /// - Throws: `LimnError` if a tag is not complete, or says more than name and weight
    public init(parsing text: String) throws {
        var (prompt, tags, rest) = ("", [Tag](), Substring(text))
        while let start = rest.firstRange(of: "<lora:") {
            prompt += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: ">") else {
                throw LimnError("the prompt's \"\(rest[start.lowerBound...].prefix(80))\" lacks its >", isUsage: true)
            }
            let words = rest[start.upperBound..<end].split(separator: ":", omittingEmptySubsequences: false)
            let weight = words.count == 2 ? Float(words[1].filter { $0 != " " }) : 1
            guard (1...2).contains(words.count), let name = words.first, !name.isEmpty, let weight, weight.isFinite
            else {
                throw LimnError(
                    "the prompt's \(rest[start.lowerBound...end]) is not understood; write <lora:name> or "
                        + "<lora:name:weight>", isUsage: true)
            }
            tags.append(Tag(name: String(name), weight: weight))
            rest = rest[rest.index(after: end)...]
        }
        guard !tags.isEmpty else {
            (self.prompt, self.tags) = (text, [])
            return
        }
        prompt += rest
        let isSpace: (Character) -> Bool = { $0 == " " || $0.isNewline }
        self.prompt = String(prompt.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        self.tags = tags
    }
}
