/// Characters as Python's regular expressions class them, which the tools around Stable Diffusion read prompts with.
enum PromptScalars {
    /// `\s`
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// `\w`
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "_" { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
        default: return scalar.properties.numericType != nil
        }
    }

    /// The value of a `\d`, in whatever script it is written.
    static func digit(_ scalar: Unicode.Scalar) -> UInt8? {
        if scalar.isASCII { return ("0"..."9").contains(scalar) ? UInt8(scalar.value - 48) : nil }
        guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue else { return nil }
        return UInt8(exactly: value)
    }

    /// Whether the word stands at `index` by itself: `\bWORD\b`.
    static func hasWord(_ word: [Unicode.Scalar], at index: Int, in text: ArraySlice<Unicode.Scalar>) -> Bool {
        let end = index + word.count
        guard end <= text.endIndex, text[index..<end].elementsEqual(word) else { return false }
        let isBoundedBefore = index == text.startIndex || !isWord(text[index - 1])
        return isBoundedBefore && (end == text.endIndex || !isWord(text[end]))
    }

    static func trimmed(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        var text = text
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text.drop(while: isSpace)
    }

    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        for scalar in scalars { view.append(scalar) }
        return String(view)
    }

    /// A number as Python's `float` reads it, of any script's digits; nil for what is none.
    ///
    /// - Parameter allowsExponent: also what only `float` takes: exponents, underscores, white space around
    static func number(_ text: ArraySlice<Unicode.Scalar>, allowsExponent: Bool = false) -> Double? {
        var plain = ""
        let scalars = Array(allowsExponent ? trimmed(text) : text)
        if allowsExponent, scalars.count <= 9, let last = scalars.last, last.properties.isAlphabetic {
            let name = string(scalars).lowercased()
            let unsigned = name.first == "+" || name.first == "-" ? name.dropFirst() : name[...]
            if ["inf", "infinity", "nan"].contains(unsigned) { return Double(name) }
        }
        for (index, scalar) in scalars.enumerated() {
            if let digit = digit(scalar) {
                plain += String(digit)
            } else if "+-.".unicodeScalars.contains(scalar) || (allowsExponent && "eE".unicodeScalars.contains(scalar))
            {
                plain.unicodeScalars.append(scalar)
            } else if allowsExponent, scalar == "_", index > 0, index + 1 < scalars.count,
                digit(scalars[index - 1]) != nil, digit(scalars[index + 1]) != nil
            {
                continue
            } else {
                return nil
            }
        }
        return Double(plain)
    }
}

/// What a prompt's syntax may not be.
package enum PromptError: Error, Equatable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case tooDeep
    case badWeight(String)
    case weightOutOfRange(Double)
    case tooManyChunks(Int)

    /// The longest text that is read for its syntax.
    package static let longest = 1 << 18
    /// The most brackets within each other.
    package static let deepest = 100
    /// The most chunks that a text may take.
    package static let mostChunks = 100
    /// The largest weight.
    package static let largestWeight = 100.0

    package var description: String {
        switch self {
        case .tooLong(let bytes):
            "a prompt with weights and other signs may be \(Self.longest >> 10) KiB long, and this one has "
                + "\(bytes >> 10) KiB; shorten it, or read it as it is with --prompt-style plain"
        case .tooDeep:
            "the prompt has more than \(Self.deepest) brackets within each other; write \\( for a bracket that is meant"
        case .badWeight(let text):
            "the prompt's weight \"\(text)\" is not a number; write (words:1.2), or \\( for a bracket that is meant"
        case .weightOutOfRange(let weight):
            "a weight of \(weight) in the prompt is out of range; give -\(Int(Self.largestWeight)) to "
                + "\(Int(Self.largestWeight)), usually 0.5 to 1.5"
        case .tooManyChunks(let count):
            "the prompt takes \(count) chunks of the text encoder, of at most \(Self.mostChunks); shorten it"
        }
    }

    static func checkLength(_ text: String) throws {
        let bytes = text.utf8.count
        if bytes > longest { throw PromptError.tooLong(bytes: bytes) }
    }
}
