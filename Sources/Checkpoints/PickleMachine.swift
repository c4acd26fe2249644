/// Runs the stack machine of Python's pickles as far as weights need it: it makes numbers, texts, containers and
/// descriptions of tensors, and executes nothing. Names that it does not know end it.
///
/// Time and memory are bounded by the bytes read, since no instruction makes more than one value of what it does not
/// take from the stack, and by `limit`: some 150 bytes a unit.
struct PickleMachine {
    /// How many instructions, and copies of members, one file may take. The 2,515 tensors of Stable
    /// Diffusion XL take 96,000.
    static let limit = 2_000_000
    static let rankLimit = SafetensorsHeader.rankLimit

    var values = PickleValues()
    var reader: ByteReader
    /// What the ids of objects outside of the pickle stand for; nil where they describe a storage.
    let outside: [Int: PickledTensor]?
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var spent = 0

    init(_ reader: ByteReader, outside: [Int: PickledTensor]? = nil) {
        self.reader = reader
        self.outside = outside
    }

    /// Reads one pickle; the reader then is behind it.
    mutating func load() throws -> PickleValue {
        stack.removeAll()
        marks.removeAll()
        memo.removeAll()
        while true {
            try spend(1)
            let at = reader.position
            let code: UInt8 = try reader.number("its instructions")
            guard let instruction = PickleInstruction(rawValue: code) else {
                throw reader.failure("has the unknown instruction \(code) at byte \(at); the file is damaged")
            }
            if instruction == .stop { return try pop() }
            try run(instruction)
        }
    }

    /// Reads one pickle, which should be a list or tuple. (`values.elements(try load())` would ask the values as they
    /// were before it.)
    mutating func loadElements() throws -> [PickleValue]? {
        let value = try load()
        return values.elements(value)
    }

    mutating func spend(_ units: Int) throws {
        spent += units
        guard spent <= Self.limit else {
            throw reader.failure("takes more than \(Self.limit) steps, more than any checkpoint needs")
        }
    }

    private mutating func run(_ instruction: PickleInstruction) throws {
        switch instruction {
        case .none, .newTrue, .newFalse, .int, .binInt, .binInt1, .binInt2, .long, .long1, .long4, .float, .binFloat,
            .string, .binString, .shortBinString, .unicode, .binUnicode, .shortBinUnicode, .binUnicode8, .binBytes,
            .shortBinBytes, .binBytes8, .byteArray8:
            stack.append(try literal(instruction))
        case .emptyTuple, .tuple, .tuple1, .tuple2, .tuple3, .emptyList, .list, .append, .appends, .emptyDict, .dict,
            .setItem, .setItems, .emptySet, .frozenSet, .addItems:
            try container(instruction)
        case .global, .stackGlobal, .reduce, .build, .inst, .obj, .newObj, .newObjEx, .persID, .binPersID:
            try object(instruction)
        case .ext1, .ext2, .ext4:
            throw reader.failure("names a class by a number, which says nothing outside of the program that wrote it")
        case .nextBuffer, .readOnlyBuffer: throw reader.failure("speaks of buffers outside of the file")
        case .mark, .pop, .popMark, .dup, .get, .binGet, .longBinGet, .put, .binPut, .longBinPut, .memoize:
            try arrange(instruction)
        case .proto:
            let version: UInt8 = try reader.number("its protocol")
            guard version <= 5 else { throw reader.failure("has protocol \(version); limn knows 0 to 5") }
        case .frame:
            let count: UInt64 = try reader.number("a frame")
            guard count <= UInt64(reader.rest) else { throw damaged("a frame is longer than the file") }
        case .stop: break
        }
    }

    func damaged(_ what: String) -> CheckpointError {
        reader.failure("is damaged: \(what); download or save the file again")
    }
}

// MARK: - The stack and the memo

extension PickleMachine {
    mutating func push(_ value: PickleValue) { stack.append(value) }

    mutating func pop() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else { throw damaged("a value is missing") }
        return value
    }

    func top() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.last else { throw damaged("a value is missing") }
        return value
    }

    /// The values above the last mark. They are copied: a slice would keep the stack from shrinking in place.
    mutating func popMarked() throws -> [PickleValue] {
        guard let mark = marks.popLast(), mark <= stack.count else { throw damaged("a mark is missing") }
        let marked = Array(stack[mark...])
        stack.removeLast(marked.count)
        return marked
    }

    private mutating func arrange(_ instruction: PickleInstruction) throws {
        switch instruction {
        case .mark: marks.append(stack.count)
        case .pop:
            if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: _ = try popMarked()
        case .dup: push(try top())
        case .get: try remember(try decimal())
        case .binGet: try remember(Int(try reader.number("a memo's number") as UInt8))
        case .longBinGet: try remember(Int(try reader.number("a memo's number") as UInt32))
        case .put: memo[try decimal()] = try top()
        case .binPut: memo[Int(try reader.number("a memo's number") as UInt8)] = try top()
        case .longBinPut: memo[Int(try reader.number("a memo's number") as UInt32)] = try top()
        default: memo[memo.count] = try top()
        }
    }

    private mutating func remember(_ index: Int) throws {
        guard let value = memo[index] else { throw damaged("it asks for value \(index), which it has not kept") }
        push(value)
    }

    private mutating func decimal() throws -> Int {
        guard let value = Int(reader.text(try reader.line("a number"))) else { throw damaged("a number is none") }
        return value
    }
}

// MARK: - Values

extension PickleMachine {
    /// `MAGIC_NUMBER` of torch.serialization.
    private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    private static let magicText = "119547037146038801333356L"

    private mutating func literal(_ instruction: PickleInstruction) throws -> PickleValue {
        switch instruction {
        case .none: return .none
        case .newTrue: return .bool(true)
        case .newFalse: return .bool(false)
        case .int, .long: return try number(reader.text(try reader.line("a number")))
        case .binInt: return .integer(Int(try reader.number("a number") as Int32))
        case .binInt1: return .integer(Int(try reader.number("a number") as UInt8))
        case .binInt2: return .integer(Int(try reader.number("a number") as UInt16))
        case .long1: return long(try reader.take(Int(try reader.number("a number") as UInt8), "a number"))
        case .long4: return long(try reader.take(Int(try reader.number("a number") as Int32), "a number"))
        case .float:
            guard let value = Double(reader.text(try reader.line("a number"))) else {
                throw damaged("a number is none")
            }
            return .number(value)
        case .binFloat:
            return .number(Double(bitPattern: (try reader.number("a number") as UInt64).byteSwapped))
        case .string: return try quotedString()
        case .unicode: return .text(Self.unescaped(try reader.line("a text"), reader))
        case .shortBinString, .shortBinUnicode: return try text(UInt64(try reader.number("a text") as UInt8))
        case .binString, .binUnicode: return try text(UInt64(try reader.number("a text") as UInt32))
        case .binUnicode8: return try text(try reader.number("a text"))
        case .shortBinBytes: _ = try reader.take(Int(try reader.number("bytes") as UInt8), "bytes")
        case .binBytes: _ = try reader.take(UInt64(try reader.number("bytes") as UInt32), "bytes")
        default: _ = try reader.take(try reader.number("bytes") as UInt64, "bytes")
        }
        return .opaque
    }

    private mutating func text(_ count: UInt64) throws -> PickleValue {
        .text(reader.text(try reader.take(count, "a text")))
    }

    /// A line with a decimal number, as the first protocols have it.
    private func number(_ line: String) throws -> PickleValue {
        if line == "00" { return .bool(false) }
        if line == "01" { return .bool(true) }
        if line == Self.magicText { return .magic }
        let digits = line.hasSuffix("L") ? String(line.dropLast()) : line
        if let value = Int(digits) { return .integer(value) }
        guard !digits.isEmpty, digits.utf8.dropFirst().allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw damaged("a number is none")
        }
        return .opaque
    }

    /// Little-endian, two's complement.
    private func long(_ range: Range<Int>) -> PickleValue {
        if range.count > 8 { return reader.bytes[range].elementsEqual(Self.magic) ? .magic : .opaque }
        var value: UInt64 = 0
        for (index, byte) in reader.bytes[range].enumerated() { value |= UInt64(byte) << (8 * UInt64(index)) }
        let unused = UInt64(64 - 8 * range.count)
        return .integer(range.isEmpty ? 0 : Int(Int64(bitPattern: value << unused) >> Int64(unused)))
    }

    /// The first protocols' texts stand in quotes, with Python's escapes.
    private mutating func quotedString() throws -> PickleValue {
        let line = try reader.line("a text")
        guard line.count >= 2, let quote = reader.bytes[line].first, quote == 0x22 || quote == 0x27,
            reader.bytes[line].last == quote
        else { throw damaged("a text has no quotes") }
        return .text(Self.unescaped(line.dropFirst().dropLast(), reader))
    }

    /// Names of weights have no escapes; what looks like one is left as it stands, but for the quotes and backslashes.
    private static func unescaped(_ range: Range<Int>, _ reader: ByteReader) -> String {
        let bytes = reader.bytes[range]
        guard bytes.contains(0x5C) else { return reader.text(range) }
        var plain: [UInt8] = []
        var isEscape = false
        for byte in bytes {
            if isEscape, byte != 0x5C, byte != 0x27, byte != 0x22 { plain.append(0x5C) }
            if byte != 0x5C || isEscape { plain.append(byte) }
            isEscape = byte == 0x5C && !isEscape
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

// MARK: - Containers

extension PickleMachine {
    private mutating func container(_ instruction: PickleInstruction) throws {
        switch instruction {
        case .emptyTuple: push(PickleValues.emptyTuple)
        case .tuple, .list, .frozenSet: push(values.add(list: try popMarked()))
        case .tuple1, .tuple2, .tuple3:
            var elements: [PickleValue] = []
            for _ in 0..<Int(instruction.rawValue - PickleInstruction.tuple1.rawValue + 1) {
                elements.append(try pop())
            }
            elements.reverse()
            push(values.add(list: elements))
        case .emptyList, .emptySet: push(values.add(list: []))
        case .append:
            let value = try pop()
            try append([value])
        case .appends, .addItems: try append(try popMarked())
        case .emptyDict: push(values.addDictionary())
        case .dict:
            let members = try popMarked()
            push(values.addDictionary())
            try setItems(members)
        case .setItem:
            let value = try pop()
            let key = try pop()
            try setItems([key, value])
        default: try setItems(try popMarked())
        }
    }

    private mutating func append(_ elements: [PickleValue]) throws {
        switch try top() {
        case .list(let index): values.append(elements, toList: index)
        case .opaque, .dictionary: break
        default: throw damaged("something is appended to what is no list")
        }
    }

    private mutating func setItems(_ members: [PickleValue]) throws {
        guard members.count.isMultiple(of: 2) else { throw damaged("a key has no value") }
        switch try top() {
        case .dictionary(let index):
            for at in stride(from: 0, to: members.count, by: 2) {
                values.set(members[at], members[at + 1], inDictionary: index)
            }
        case .opaque: break
        default: throw damaged("a member is given to what is no dictionary")
        }
    }
}
