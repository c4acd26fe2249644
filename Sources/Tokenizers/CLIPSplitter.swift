/// CLIP's words: what its normalization and its regular expression make of a text.
///
///     <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
enum CLIPSplitter {
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
        Array($0.unicodeScalars)
    }
    /// The byte-level step's own expression takes these apart when they are no special tokens of the folder.
    private static let specials: [([Unicode.Scalar], [String])] = [
        (Array("<|startoftext|>".unicodeScalars), ["<|", "startoftext", "|>"]),
        (Array("<|endoftext|>".unicodeScalars), ["<|", "endoftext", "|>"]),
    ]

    /// Normalization form C, each run of white space one space, then lower case character by character.
    static func normalize(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var afterSpace = false
        for scalar in Composition.compose(text) {
            let isSpace = UnicodeClasses.isSpace(scalar)
            if isSpace {
                if !afterSpace { result.append(" ") }
            } else if scalar.isASCII {
                let upper = ("A"..."Z").contains(scalar)
                result.append(upper ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
            } else {
                // One by one: appending a view makes the string grow by just that much, every time.
                for lower in scalar.properties.lowercaseMapping.unicodeScalars { result.append(lower) }
            }
            afterSpace = isSpace
        }
        return String(result)
    }

    /// The words of a normalized text.
    static func words(_ text: Substring) -> [String] {
        let scalars = Array(text.unicodeScalars)
        var words: [String] = []
        var at = 0
        while at < scalars.count {
            if scalars[at] == "<",
                let (spelling, parts) = specials.first(where: { scalars[at...].starts(with: $0.0) })
            {
                words += parts
                at += spelling.count
                continue
            }
            let end = wordEnd(scalars, from: at)
            if !UnicodeClasses.isSpace(scalars[at]) {
                var word = String.UnicodeScalarView()
                for scalar in scalars[at..<end] { word.append(scalar) }
                words.append(String(word))
            }
            at = end
        }
        return words
    }

    private static func wordEnd(_ scalars: [Unicode.Scalar], from start: Int) -> Int {
        let first = scalars[start]
        if first == "'", let contraction = contractions.first(where: { scalars[start...].starts(with: $0) }) {
            return start + contraction.count
        }
        if UnicodeClasses.isNumber(first) || UnicodeClasses.isSpace(first) { return start + 1 }
        let isMember = UnicodeClasses.isLetter(first) ? UnicodeClasses.isLetter : isOther
        return scalars[start...].firstIndex { !isMember($0) } ?? scalars.count
    }

    private static func isOther(_ scalar: Unicode.Scalar) -> Bool {
        !UnicodeClasses.isSpace(scalar) && !UnicodeClasses.isLetter(scalar)
            && !UnicodeClasses.isNumber(scalar)
    }
}
