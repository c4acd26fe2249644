/// Lower-casing of a text but for the tokens that are looked for in it, one character at a time, as transformers 4 did it
/// before anything else.
struct Lowercasing: Sendable {
    private let kept: PrefixTable

    init(keeping tokens: [String]) { kept = PrefixTable(tokens.map { Array($0.utf8) }) }

    func lowercased(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result = String.UnicodeScalarView()
        var scalars = text.unicodeScalars[...]
        var at = 0
        while let scalar = scalars.first {
            if let (_, length) = kept.longestPrefix(of: bytes, from: at) {
                let end = at + length
                while at < end, let scalar = scalars.popFirst() {
                    result.append(scalar)
                    at += UTF8.width(scalar)
                }
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
                scalars.removeFirst()
                at += UTF8.width(scalar)
            }
        }
        return String(result)
    }
}
