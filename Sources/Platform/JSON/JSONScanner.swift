/// A strict scanner for JSON (RFC 8259): the one place where JSON from outside is read.
///
/// Foundation's decoders let duplicate keys pass unseen, trap when they report an error in bytes that are not UTF-8,
/// and take 5.6 ms for a weight file's header that this reads in a fraction of one. Nothing recurses deeper than
/// `nestingLimit`, and every error names the byte.
package struct JSONScanner {
    package static let nestingLimit = 64

    let bytes: UnsafeBufferPointer<UInt8>
    /// "header" or "index": what the messages call the text.
    package let subject: String
    /// What is being read, such as a tensor's name; handed to `makeError`.
    package var context: String?
    var position = 0
    private var depth = 0
    private let makeError: (_ problem: String, _ context: String?) -> any Error

    /// - Parameters:
    ///   - bytes: must outlive the scanner. A byte order mark at the start is skipped.
    ///   - makeError: makes the error that is thrown for a problem, which is a phrase such as "its header is not valid
    ///     JSON: …"
    package init(
        _ bytes: UnsafeRawBufferPointer, subject: String,
        makeError: @escaping (_ problem: String, _ context: String?) -> any Error
    ) {
        self.bytes = bytes.bindMemory(to: UInt8.self)
        self.subject = subject
        self.makeError = makeError
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    package func failure(_ problem: String) -> any Error { makeError(problem, context) }

    package func syntaxError(_ expected: String) -> any Error {
        failure(
            position < bytes.count
                ? "its \(subject) is not valid JSON: expected \(expected) at byte \(position)"
                : "its \(subject) is not valid JSON: it ends where \(expected) was expected")
    }

    // MARK: Structure

    /// The next byte that is not white space, or nil at the end; it is not consumed.
    package mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    package mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func nested(_ body: (inout JSONScanner) throws -> Void) throws {
        guard depth < Self.nestingLimit else {
            throw failure("its \(subject) is nested more than \(Self.nestingLimit) levels deep")
        }
        depth += 1
        try body(&self)
        depth -= 1
    }

    /// Reads an object; `member` is called with each key and must consume its value.
    ///
    /// - Throws: `CheckpointError`, also when a key appears twice.
    package mutating func object(_ what: String, _ member: (inout JSONScanner, String) throws -> Void) throws {
        guard take(UInt8(ascii: "{")) else { throw syntaxError("\(what), a JSON object") }
        if take(UInt8(ascii: "}")) { return }
        try nested { scanner in
            var keys = KeySet()
            repeat {
                let key = try scanner.string("a key")
                guard keys.insert(key) else {
                    throw scanner.failure("its \(scanner.subject) has the key \(quoted(key)) twice")
                }
                guard scanner.take(UInt8(ascii: ":")) else { throw scanner.syntaxError("\":\"") }
                try member(&scanner, key)
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.take(UInt8(ascii: "}")) else { throw scanner.syntaxError("\",\" or \"}\"") }
        }
    }

    /// Reads an array; `element` is called before each element and must consume it.
    package mutating func array(_ what: String, _ element: (inout JSONScanner) throws -> Void) throws {
        guard take(UInt8(ascii: "[")) else { throw syntaxError("\(what), a JSON array") }
        if take(UInt8(ascii: "]")) { return }
        try nested { scanner in
            repeat { try element(&scanner) } while scanner.take(UInt8(ascii: ","))
            guard scanner.take(UInt8(ascii: "]")) else { throw scanner.syntaxError("\",\" or \"]\"") }
        }
    }

    /// Makes sure that only white space is left.
    package mutating func finish() throws {
        guard peek() == nil else { throw syntaxError("nothing but white space") }
    }

    /// Consumes a value of any kind.
    package mutating func skipValue() throws {
        switch peek() {
        case UInt8(ascii: "{"): try object("a value") { scanner, _ in try scanner.skipValue() }
        case UInt8(ascii: "["): try array("a value") { try $0.skipValue() }
        case UInt8(ascii: "\""): _ = try string("a value")
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    mutating func skipWord(_ word: StaticString) throws {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[offset] else {
                throw syntaxError("\"\(word)\"")
            }
            position += 1
        }
    }

    // MARK: Numbers

    private mutating func takeDigits() -> Int {
        let first = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        return position - first
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    mutating func skipNumber() throws {
        if peek() == UInt8(ascii: "-") { position += 1 }
        let first = position
        let digits = takeDigits()
        guard digits > 0, digits == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw syntaxError("a value")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard takeDigits() > 0 else { throw syntaxError("a digit") }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count,
                bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
            {
                position += 1
            }
            guard takeDigits() > 0 else { throw syntaxError("a digit") }
        }
    }

    /// A number of any kind, as near as a Double comes.
    package mutating func number(_ what: String) throws -> Double {
        _ = peek()
        let first = position
        guard first < bytes.count, isDigit(bytes[first]) || bytes[first] == UInt8(ascii: "-") else {
            throw syntaxError("\(what), a number")
        }
        try skipNumber()
        let text = String(decoding: bytes[first..<position], as: UTF8.self)
        guard let value = Double(text) else { throw syntaxError("\(what), a number") }
        return value
    }

    /// `true` or `false`.
    package mutating func bool(_ what: String) throws -> Bool {
        switch peek() {
        case UInt8(ascii: "t"):
            try skipWord("true")
            return true
        case UInt8(ascii: "f"):
            try skipWord("false")
            return false
        default: throw syntaxError("\(what), true or false")
        }
    }

    /// Reads a number ≥ 0 without fraction or exponent that fits into Int; `what` names it in messages.
    package mutating func wholeNumber(_ what: String) throws -> Int {
        let first = peek()
        if first == UInt8(ascii: "-") { throw failure("\(what) has a negative number in the \(subject)") }
        guard let first, isDigit(first) else { throw syntaxError("a whole number in \(what)") }
        let start = position
        var value = 0
        var overflow = false
        while position < bytes.count, isDigit(bytes[position]) {
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position] &- UInt8(ascii: "0")))
            overflow = overflow || over || carry
            value = sum
            position += 1
        }
        if first == UInt8(ascii: "0"), position - start > 1 {
            throw failure(
                "\(what) has a number with leading zeros in the \(subject), which JSON does not allow")
        }
        if position < bytes.count,
            bytes[position] == UInt8(ascii: ".") || bytes[position] | 0x20 == UInt8(ascii: "e")
        {
            throw failure(
                "\(what) has a number with a fraction or exponent in the \(subject), not a whole number")
        }
        guard !overflow else { throw failure("\(what) has a number that is too large in the \(subject)") }
        return value
    }
}

/// The keys of one object: few are compared one by one, many hashed, since a header has thousands of tiny objects.
private struct KeySet {
    private var few: [ExactString] = []
    private var many: Set<ExactString> = []

    /// False if the key was there already.
    mutating func insert(_ text: String) -> Bool {
        let key = ExactString(text)
        if !many.isEmpty { return many.insert(key).inserted }
        if few.contains(key) { return false }
        few.append(key)
        if few.count == 16 { many = Set(few) }
        return true
    }
}
