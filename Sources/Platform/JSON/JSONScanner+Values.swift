/// Values of any kind.
extension JSONScanner {
    /// Reads the next value. Python's NaN, Infinity and -Infinity are numbers here.
    package mutating func value() throws -> JSON {
        switch peek() {
        case UInt8(ascii: "{"):
            var members: [(key: String, value: JSON)] = []
            try object("a value") { scanner, key in members.append((key, try scanner.value())) }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSON] = []
            try array("a value") { elements.append(try $0.value()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string("a value"))
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try bool("a value"))
        case UInt8(ascii: "n"):
            try skipWord("null")
            return .null
        case UInt8(ascii: "N"):
            try skipWord("NaN")
            return .number(.nan)
        case UInt8(ascii: "I"):
            try skipWord("Infinity")
            return .number(.infinity)
        case UInt8(ascii: "-") where follows("Infinity", after: 1):
            position += 1
            try skipWord("Infinity")
            return .number(-.infinity)
        default: return try anyNumber()
        }
    }

    private func follows(_ word: StaticString, after offset: Int) -> Bool {
        let wanted = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        return bytes.count - position >= offset && bytes[(position + offset)...].starts(with: wanted)
    }

    /// An integer where it is written as one and fits.
    private mutating func anyNumber() throws -> JSON {
        let first = position
        try skipNumber()
        let text = String(decoding: bytes[first..<position], as: UTF8.self)
        if let integer = Int(text) { return .integer(integer) }
        if let large = UInt64(text) { return .large(large) }
        guard let number = Double(text) else { throw syntaxError("a value") }
        return .number(number)
    }
}
