/// What a picture was made from, as the webui writes it into the `parameters` text of a PNG:
///
///     a red apple
///     Negative prompt: blurry
///     Steps: 25, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512
///
/// The form has no escapes for prompts: a prompt with a line that starts with `Negative prompt:` cannot be told from
/// one that has a negative prompt. `survivesText` says so; what must be exact goes into a text of its own
/// (`exactKeyword`).
package struct PictureParameters: Sendable {
    /// The keyword of the text chunk that the webui and most other programs read and write.
    package static let keyword = "parameters"
    /// The keyword of the text chunk that holds Limn's own exact form.
    package static let exactKeyword = "limn"

    package var prompt: String
    package var negativePrompt: String
    /// In the order of the text.
    package var fields: [(key: String, value: String)]

    package init(prompt: String, negativePrompt: String = "", fields: [(key: String, value: String)] = []) {
        self.prompt = prompt
        self.negativePrompt = negativePrompt
        self.fields = fields
    }

    /// The value of a field; of the last one, if the key comes twice, as in the webui.
    package subscript(key: String) -> String? { fields.last { $0.key == key }?.value }

    /// The webui's text.
    package var text: String {
        var lines: [String] = []
        if !prompt.isEmpty { lines.append(prompt) }
        if !negativePrompt.isEmpty { lines.append(PictureParameters.negativeMark + " " + negativePrompt) }
        if !fields.isEmpty {
            lines.append(
                fields.map { $0.key + ": " + PictureParameters.quoted($0.value) }.joined(separator: ", "))
        }
        return lines.joined(separator: "\n")
    }

    /// Whether parsing `text` gives this value again.
    package var survivesText: Bool { PictureParameters(parsing: text) == self }

    static let negativeMark = "Negative prompt:"

    /// JSON-quoted if the value would be misread otherwise. The webui quotes for `,` `:` and line breaks; its reader
    /// also takes quotes where these cases need them: a value that is empty, starts with a quote, or has spaces or
    /// control characters at its ends.
    private static func quoted(_ value: String) -> String {
        let scalars = value.unicodeScalars
        let isPlain = scalars.allSatisfy {
            $0 != "," && $0 != ":" && $0.value >= 0x20 && !$0.properties.isWhitespace || $0 == " "
        }
        if isPlain, let first = scalars.first, first != "\"", first != " ", scalars.last != " " {
            return value
        }
        return "\"" + scalars.map(escaped).joined() + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: return String(scalar)
        }
    }
}

extension PictureParameters: Equatable {
    package static func == (left: PictureParameters, right: PictureParameters) -> Bool {
        // By code points: Swift's == takes é and e + accent for the same, but a tokenizer does not.
        func same(_ a: String, _ b: String) -> Bool { a.unicodeScalars.elementsEqual(b.unicodeScalars) }
        return same(left.prompt, right.prompt) && same(left.negativePrompt, right.negativePrompt)
            && left.fields.elementsEqual(right.fields) { same($0.key, $1.key) && same($0.value, $1.value) }
    }
}
