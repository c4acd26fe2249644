/// A JSON value. Objects keep their order; a key that comes twice is an error.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Above what an Int holds.
    case large(UInt64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    /// The value of a key of an object; nil for JSON's null too.
    subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let member = members.first(where: { $0.key == key }) else {
            return nil
        }
        if case .null = member.value { return nil }
        return member.value
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    var members: [(key: String, value: JSON)]? { if case .object(let value) = self { value } else { nil } }

    /// An integer's or a fraction's value.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .large(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// A text's value; nil if it is no JSON.
    package static func parse(_ text: String) -> JSON? {
        var reader = JSONReader(bytes: Array(text.utf8))
        return try? reader.document()
    }

    static func read(file: String) throws -> JSON {
        var reader = JSONReader(bytes: try InputFile.bytes(file))
        do throws(JSONReader.Failure) {
            return try reader.document()
        } catch {
            throw TokenizerError.malformed(
                file: file, reason: "not valid JSON at byte \(error.at): \(error.what)")
        }
    }
}

/// A JSON parser over bytes (RFC 8259, and Python's NaN and Infinity).
struct JSONReader {
    struct Failure: Error {
        let at: Int
        let what: String
    }

    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    mutating func document() throws(Failure) -> JSON {
        let value = try value()
        skipSpace()
        guard at == bytes.count else { throw failure("something follows the end") }
        return value
    }

    private func failure(_ what: String) -> Failure { Failure(at: at, what: what) }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func take(word: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[at...].starts(with: wanted) else { return false }
        at += wanted.count
        return true
    }

    private mutating func value() throws(Failure) -> JSON {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try nested { reader throws(Failure) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(Failure) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case nil: throw failure("the text ends too early")
        default: break
        }
        if take(word: "null") { return .null }
        if take(word: "true") { return .bool(true) }
        if take(word: "false") { return .bool(false) }
        if take(word: "NaN") { return .number(.nan) }
        if take(word: "Infinity") { return .number(.infinity) }
        if take(word: "-Infinity") { return .number(-.infinity) }
        return try number()
    }

    /// Bounds the recursion, so that a file of brackets cannot exhaust the stack.
    private mutating func nested(
        _ body: (inout JSONReader) throws(Failure) -> JSON
    ) throws(Failure) -> JSON {
        guard depth < 64 else { throw failure("nested too deeply") }
        depth += 1
        at += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(Failure) -> JSON {
        var members: [(key: String, value: JSON)] = []
        var keys: Set<ExactString> = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("expected a key in quotes") }
            let key = try string()
            guard keys.insert(ExactString(key)).inserted else {
                throw failure("the key “\(key)” comes twice")
            }
            guard take(UInt8(ascii: ":")) else { throw failure("expected “:” after a key") }
            members.append((key, try value()))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw failure("expected “,” or “}”") }
        return .object(members)
    }

    private mutating func array() throws(Failure) -> JSON {
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat { elements.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw failure("expected “,” or “]”") }
        return .array(elements)
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = at
        while let byte = next, isInNumber(byte) { at += 1 }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if let integer = Int(text) { return .integer(integer) }
        if let large = UInt64(text) { return .large(large) }
        guard let number = Double(text), text.utf8.contains(where: { $0 >= 0x30 && $0 <= 0x39 }) else {
            at = start
            throw failure("expected a value")
        }
        return .number(number)
    }

    private func isInNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func string() throws(Failure) -> String {
        at += 1
        let start = at
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            at += 1
        }
        var text = Array(bytes[start..<at])
        while let byte = next, byte != UInt8(ascii: "\"") {
            at += 1
            if byte == UInt8(ascii: "\\") {
                text += UTF8.encode(try escape()).map(Array.init) ?? []
            } else if byte >= 0x20 {
                text.append(byte)
            } else {
                throw failure("a control character in a string")
            }
        }
        guard next != nil else { throw failure("a string without an end") }
        at += 1
        guard let string = String(validating: text, as: UTF8.self) else {
            throw failure("a string is not UTF-8")
        }
        return string
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard let byte = next else { throw failure("a string without an end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func unicodeEscape() throws(Failure) -> Unicode.Scalar {
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // A pair of surrogates stands for one character beyond U+FFFF.
        guard (0xD800..<0xDC00).contains(unit), take(word: "\\u") else {
            throw failure("half a surrogate pair")
        }
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw failure("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        guard bytes.count - at >= 4 else { throw failure("a string without an end") }
        var value: UInt32 = 0
        for byte in bytes[at..<(at + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        at += 4
        return value
    }
}
