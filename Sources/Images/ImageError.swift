/// What can go wrong with a picture. The description is for people: what was wrong, in which file, what to do.
package enum ImageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be opened or read at all.
    case cannotRead(path: String, reason: String, advice: String)
    /// The bytes are something else.
    case notPNG(path: String, looksLike: String, advice: String)
    /// The file ends before the picture does.
    case truncated(path: String)
    /// A PNG that breaks the format's rules; the detail is libpng's.
    case damaged(path: String, detail: String)
    /// A picture over the limits of `PNG.maximumSide` and `PNG.maximumPixels`.
    case tooLarge(path: String, width: Int, height: Int)
    /// Text chunks over `PNG.maximumTextBytes`.
    case tooMuchText(path: String)
    case outOfMemory(path: String)
    case cannotWrite(path: String, reason: String, advice: String)
    /// Sizes, counts or values that do not fit together; no file is involved.
    case invalid(String)

    package var description: String {
        switch self {
        case .cannotRead(let path, let reason, let advice):
            "cannot read the picture \(shown(path)): \(reason); \(advice)"
        case .notPNG(let path, let looksLike, let advice):
            "\(shown(path)) is not a PNG picture: \(looksLike); \(advice)"
        case .truncated(let path):
            "the picture \(shown(path)) is truncated: the file ends before the picture does; copy or save it again"
        case .damaged(let path, let detail):
            "the picture \(shown(path)) is damaged (\(detail)); copy or save it again"
        case .tooLarge(let path, let width, let height):
            "the picture \(shown(path)) is \(width)×\(height); at most \(PNG.maximumSide) pixels a side and "
                + "\(PNG.maximumPixels) in all can be read; scale it down first"
        case .tooMuchText(let path):
            "the text stored in \(shown(path)) takes more than \(PNG.maximumTextBytes >> 20) MB; "
                + "save the picture again without its metadata"
        case .outOfMemory(let path):
            "not enough memory for the picture \(shown(path)); scale it down first"
        case .cannotWrite(let path, let reason, let advice):
            "cannot write the picture \(shown(path)): \(reason); \(advice)"
        case .invalid(let message):
            message
        }
    }
}

/// A path for a message: in quotation marks, without control characters that could garble a terminal.
func shown(_ path: String) -> String {
    var result = "“"
    for scalar in path.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
    }
    return result + "”"
}
