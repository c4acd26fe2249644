/// A strict scanner for the JSON in weight files (RFC 8259).
///
/// Foundation's decoders let duplicate keys pass unseen and take 5.6 ms for a header that this reads in a fraction
/// of one. Nothing recurses deeper than `nestingLimit`, and every error names the file and the byte.
struct JSONScanner {
    static let nestingLimit = 32

    let bytes: UnsafeBufferPointer<UInt8>
    private let path: String
    /// "header" or "index": what the messages call the text.
    let subject: String
    var position = 0
    private var depth = 0
    /// The tensor whose entry is being read, for messages.
    var tensor: String?

    /// - Parameter bytes: must outlive the scanner.
    init(_ bytes: UnsafeRawBufferPointer, path: String, subject: String) {
        self.bytes = bytes.bindMemory(to: UInt8.self)
        self.path = path
        self.subject = subject
    }

    func failure(_ problem: String) -> CheckpointError {
        CheckpointError(path: path, tensor: tensor, problem: problem)
    }

    func syntaxError(_ expected: String) -> CheckpointError {
        failure(
            position < bytes.count
                ? "its \(subject) is not valid JSON: expected \(expected) at byte \(position)"
                : "its \(subject) is not valid JSON: it ends where \(expected) was expected")
    }

    // MARK: Structure

    /// The next byte that is not white space, or nil at the end; it is not consumed.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    mutating func take(_ byte: UInt8) -> Bool {
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
    mutating func object(_ what: String, _ member: (inout JSONScanner, String) throws -> Void) throws {
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
    mutating func array(_ what: String, _ element: (inout JSONScanner) throws -> Void) throws {
        guard take(UInt8(ascii: "[")) else { throw syntaxError("\(what), a JSON array") }
        if take(UInt8(ascii: "]")) { return }
        try nested { scanner in
            repeat { try element(&scanner) } while scanner.take(UInt8(ascii: ","))
            guard scanner.take(UInt8(ascii: "]")) else { throw scanner.syntaxError("\",\" or \"]\"") }
        }
    }

    /// Makes sure that only white space is left.
    mutating func finish() throws {
        guard peek() == nil else { throw syntaxError("nothing but white space") }
    }

    /// Consumes a value of any kind.
    mutating func skipValue() throws {
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

    private mutating func skipWord(_ word: StaticString) throws {
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

    private mutating func skipNumber() throws {
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
    mutating func number(_ what: String) throws -> Double {
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
    mutating func bool(_ what: String) throws -> Bool {
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
    mutating func wholeNumber(_ what: String) throws -> Int {
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
    private var few: [String] = []
    private var many: Set<String> = []

    /// False if the key was there already.
    mutating func insert(_ key: String) -> Bool {
        if !many.isEmpty { return many.insert(key).inserted }
        if few.contains(key) { return false }
        few.append(key)
        if few.count == 16 { many = Set(few) }
        return true
    }
}
