/// Tags in prompts, `<kind:…>`, that ask for something beside the text.
enum PromptTags {
    /// Takes tags out of a text.
    ///
    /// - Parameters:
    ///   - found: gets the tags as the text has them
    ///   - isMeant: whether a kind is to be taken out
    static func without(_ text: String, _ found: inout [String], where isMeant: (String) -> Bool) -> String {
        var (result, rest) = ("", Substring(text))
        while let start = rest.firstIndex(of: "<") {
            result += rest[..<start]
            rest = rest[start...]
            if let tag = tag(rest), isMeant(tag.kind) {
                found.append(String(rest[..<tag.end]))
                rest = rest[tag.end...]
            } else {
                result.append("<")
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    /// The tag that a text begins with, `<kind:…>` or `<kind[…]:…>`; nil if it begins with none. Tags may lie within it.
    private static func tag(_ text: Substring) -> (kind: String, end: Substring.Index)? {
        let kind = text.dropFirst().prefix { $0 == "_" || $0.isLetter || $0.isNumber }
        var after = text[kind.endIndex...]
        if after.first == "[", let end = after.firstIndex(of: "]") { after = after[after.index(after: end)...] }
        guard !kind.isEmpty, after.first == ":" else { return nil }
        var depth = 1
        for index in after.indices.dropFirst() {
            if after[index] == "<" { depth += 1 }
            if after[index] == ">" { depth -= 1 }
            if depth == 0 { return (String(kind), after.index(after: index)) }
        }
        return nil
    }
}

extension Float {
    /// A number in decimal digits, and no other form.
    init?(decimal text: some StringProtocol) {
        guard text.allSatisfy({ "0123456789+-.eE".contains($0) }) else { return nil }
        self.init(String(text))
    }
}
