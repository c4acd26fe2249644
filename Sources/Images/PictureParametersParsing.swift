extension PictureParameters {
    /// Reads the webui's text; any text at all gives a value, never an error.
    ///
    /// The rules are the webui's: the last line holds the fields if at least three `Key: value` pairs are found in it,
    /// and is a line of a prompt otherwise; lines from the first that starts with `Negative prompt:` on are the negative
    /// prompt's. One thing is gentler here: spaces at the ends of a prompt's lines are kept.
    package init(parsing text: String) {
        // By code points, because "\r\n" is one Character and would hide the line break.
        var scalars = Array(text.unicodeScalars)[...]
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        var lines = scalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.last == "\r" ? line.dropLast() : line
        }
        fields = []
        if let last = lines.last {
            let found = FieldScanner(last).fields
            if found.count >= 3 {
                fields = found
                lines.removeLast()
            }
        }
        var promptLines: [String] = []
        var negativeLines: [String] = []
        var isNegative = false
        for line in lines {
            if let negative = PictureParameters.negative(line) {
                isNegative = true
                negativeLines.append(negative)
            } else if isNegative {
                negativeLines.append(string(line))
            } else {
                promptLines.append(string(line))
            }
        }
        prompt = promptLines.joined(separator: "\n")
        negativePrompt = negativeLines.joined(separator: "\n")
    }

    /// What follows `Negative prompt:` and a space on a line that starts with it, spaces before it aside.
    private static func negative(_ line: ArraySlice<Unicode.Scalar>) -> String? {
        let start = line.drop { $0.properties.isWhitespace }
        guard start.starts(with: negativeMark.unicodeScalars) else { return nil }
        let rest = start.dropFirst(negativeMark.unicodeScalars.count)
        return string(rest.first == " " ? rest.dropFirst() : rest)
    }
}

private func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}

/// Finds `Key: value` pairs in a line, as the webui's expression
/// `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)` does, in time proportional to the line's length: what does not
/// fit is passed over.
private struct FieldScanner {
    private let line: ArraySlice<Unicode.Scalar>
    private var position: Int
    private(set) var fields: [(key: String, value: String)] = []

    init(_ line: ArraySlice<Unicode.Scalar>) {
        self.line = line
        position = line.startIndex
        while position < line.endIndex {
            guard let key = scanKey() else { continue }
            fields.append((key, scanValue()))
        }
    }

    /// The key before the next colon, which is passed; nil if what was passed instead is no key.
    private mutating func scanKey() -> String? {
        let start = position
        while position < line.endIndex, isKeyPart(line[position]) { position += 1 }
        let run = line[start..<position].drop { !isWord($0) }
        let atColon = position < line.endIndex && line[position] == ":"
        position += 1
        return atColon && run.count >= 2 ? string(run) : nil
    }

    private mutating func scanValue() -> String {
        while position < line.endIndex, line[position].properties.isWhitespace { position += 1 }
        if let end = quotedEnd() {
            let quoted = line[position..<end]
            position = end + 1
            return unquoted(quoted) ?? string(quoted)
        }
        let end = line[position...].firstIndex(of: ",") ?? line.endIndex
        let value = line[position..<end]
        position = end + 1
        return value.count >= 2 && value.first == "\"" && value.last == "\""
            ? unquoted(value) ?? string(value) : string(value)
    }

    /// Where a quoted value that starts here ends, if a comma or the end of the line follows it.
    private func quotedEnd() -> Int? {
        guard position < line.endIndex, line[position] == "\"" else { return nil }
        var at = position + 1
        while at < line.endIndex, line[at] != "\"" { at += line[at] == "\\" ? 2 : 1 }
        guard at < line.endIndex, at > position + 1 else { return nil }
        return at + 1 == line.endIndex || line[at + 1] == "," ? at + 1 : nil
    }

    /// The string that a JSON string stands for, quotes included; nil if it is not one.
    private func unquoted(_ quoted: ArraySlice<Unicode.Scalar>) -> String? {
        var utf16: [UInt16] = []
        var rest = quoted.dropFirst().dropLast()
        while let scalar = rest.popFirst() {
            guard scalar.value >= 0x20, scalar != "\"" else { return nil }
            guard scalar == "\\" else {
                utf16.append(contentsOf: UTF16.encode(scalar).map(Array.init) ?? [])
                continue
            }
            switch rest.popFirst() {
            case "\"": utf16.append(0x22)
            case "\\": utf16.append(0x5C)
            case "/": utf16.append(0x2F)
            case "b": utf16.append(0x08)
            case "f": utf16.append(0x0C)
            case "n": utf16.append(0x0A)
            case "r": utf16.append(0x0D)
            case "t": utf16.append(0x09)
            case "u":
                let digits = rest.prefix(4)
                guard digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit),
                    let unit = UInt16(string(digits), radix: 16)
                else { return nil }
                utf16.append(unit)
                rest.removeFirst(4)
            default: return nil
            }
        }
        return String(decoding: utf16, as: UTF16.self)
    }

    private func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    private func isKeyPart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "-" || scalar == "/" || isWord(scalar)
    }
}
