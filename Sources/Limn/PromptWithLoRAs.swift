/// The LoRAs that a prompt asks for, as in `a cat, <lora:ink:0.8>`, and the prompt without them.
public struct PromptWithLoRAs: Sendable, Equatable {
    public struct Tag: Sendable, Equatable {
        public let name: String
        public let weight: Float
        /// The UNet's own; nil if `weight` holds for all.
        public let unetWeight: Float?
    }

    /// The prompt without the tags.
    public let prompt: String
    public let tags: [Tag]

    /// As in the webui: `<lora:name>`, `<lora:name:weight>`, or `<lora:name:te:unet>`, the weights of text encoders and
    /// UNet; also by their names, `te=0.5` and `unet=0.8`. The UNet's is the text encoder's where it is not said.
    ///
    /// - Throws: `LimnError` if a tag is not complete, or says what is not followed
    public init(parsing text: String) throws {
        var (prompt, tags, rest) = ("", [Tag](), Substring(text))
        while let start = rest.firstRange(of: "<lora:") {
            prompt += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: ">") else {
                throw LimnError("the prompt's \"\(rest[start.lowerBound...].prefix(80))\" lacks its >", isUsage: true)
            }
            tags.append(try Self.tag(rest[start.upperBound..<end], in: rest[start.lowerBound...end]))
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

    /// What extensions of the webui, and the webui itself, have further in such tags.
    private static let notFollowed = [
        "dyn": "only some of a LoRA's ranks", "lbw": "weights block by block", "w": "weights block by block",
        "lbwe": "weights block by block", "step": "a LoRA in part of the steps", "start": "a LoRA in part of the steps",
        "stop": "a LoRA in part of the steps",
    ]

    /// - Parameter whole: the tag as the prompt has it, for messages
    private static func tag(_ text: Substring, in whole: Substring) throws -> Tag {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        func failure(_ advice: String) -> LimnError {
            LimnError("the prompt's \(whole) \(advice)", isUsage: true)
        }
        let unknown = failure(
            "is not understood; write <lora:name>, <lora:name:weight> or <lora:name:text-weight:unet-weight>")
        guard let name = words.first, !name.isEmpty else { throw unknown }
        func number(_ text: Substring) throws -> Float {
            guard let value = Float(text.filter { $0 != " " }), value.isFinite else { throw unknown }
            return value
        }
        var (weights, named) = ([Float](), [String: Float]())
        for word in words.dropFirst() {
            guard let sign = word.firstIndex(of: "=") else {
                guard weights.count < 2 else {
                    throw failure(
                        "says with a third number, as dyn= does, to use only some of the LoRA's ranks, which "
                            + "is not supported; leave it out")
                }
                weights.append(try number(word))
                continue
            }
            let key = word[..<sign].filter { $0 != " " }.lowercased()
            guard ["te", "unet"].contains(key) else {
                guard let meaning = notFollowed[key] else { throw unknown }
                throw failure("asks for \(meaning) (\(key)=), which is not supported; leave it out")
            }
            named[key] = try number(word[word.index(after: sign)...])
        }
        let weight = named["te"] ?? weights.first ?? 1
        let unetWeight = named["unet"] ?? weights.dropFirst().first ?? weight
        return Tag(name: String(name), weight: weight, unetWeight: unetWeight == weight ? nil : unetWeight)
    }
}
