/// The readable form of tokens that were cut off.
enum SpelledText {
    /// Without spaces at either end, and with `space` shown as a space.
    ///
    /// Goes by scalars: finding characters backwards takes quadratic time in a row of flags.
    static func trimmed(_ text: String, space: Unicode.Scalar = " ") -> String {
        var scalars = text.unicodeScalars[...]
        while scalars.first == " " || scalars.first == space { scalars.removeFirst() }
        while scalars.last == " " || scalars.last == space { scalars.removeLast() }
        var result = String.UnicodeScalarView()
        for scalar in scalars { result.append(scalar == space ? " " : scalar) }
        return String(result)
    }
}
