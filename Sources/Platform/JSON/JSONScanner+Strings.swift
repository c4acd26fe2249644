/// Strings, their escapes and their encoding.
extension JSONScanner {
    /// Reads a string, its escapes resolved; `what` names it in messages.
    package mutating func string(_ what: String) throws -> String {
        guard take(UInt8(ascii: "\"")) else { throw syntaxError("\(what), a JSON string,") }
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try utf8(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw syntaxError("no control character in a string") }
            position += 1
        }
        throw syntaxError("the end of a string")
    }

    /// The slow way for a string in which an escape was found at `position`.
    private mutating func escapedString(from start: Int) throws -> String {
        var units = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try units.withUnsafeBufferPointer { try utf8($0, at: start) }
            case UInt8(ascii: "\\"):
                position += 1
                units.append(contentsOf: Array(String(try escape()).utf8))
            case ..<0x20: throw syntaxError("no control character in a string")
            default:
                units.append(byte)
                position += 1
            }
        }
        throw syntaxError("the end of a string")
    }

    /// What follows a backslash.
    private mutating func escape() throws -> Unicode.Scalar {
        guard position < bytes.count else { throw syntaxError("an escape") }
        let byte = bytes[position]
        let scalar: Unicode.Scalar
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = Unicode.Scalar(byte)
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"):
            position += 1
            return try unicodeEscape()
        default: throw syntaxError("an escape that JSON knows")
        }
        position += 1
        return scalar
    }

    private mutating func unicodeEscape() throws -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A surrogate: only a high one followed by a low one stands for a character.
        guard first < 0xDC00, position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        else { throw syntaxError("the second half of a surrogate pair") }
        position += 2
        let second = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw syntaxError("the second half of a surrogate pair") }
        return scalar
    }

    private mutating func fourHexDigits() throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = hexValue(bytes[position]) else {
                throw syntaxError("four hexadecimal digits")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    private func utf8(_ units: UnsafeBufferPointer<UInt8>, at start: Int) throws -> String {
        // Decoding never fails but repairs, which ASCII does not need; validating is several times slower.
        if units.allSatisfy({ $0 < 0x80 }) { return String(decoding: units, as: UTF8.self) }
        guard let text = String(validating: units, as: UTF8.self) else {
            throw failure("its \(subject) is not valid UTF-8: the string at byte \(start) is broken")
        }
        return text
    }
}
