/// Reads the fields of a protocol buffers message one after the other.
struct ProtobufReader {
    /// A field's content: a number, or bytes (a string, a message).
    enum Content {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    struct Field {
        let number: Int
        let content: Content
        /// The field as it stands in the message, with its key.
        let encoded: ArraySlice<UInt8>
    }

    private let message: ArraySlice<UInt8>
    private var rest: ArraySlice<UInt8>

    private init(_ message: ArraySlice<UInt8>) {
        self.message = message
        rest = message
    }

    /// All fields; nil if the message is cut off or not one.
    static func fields(_ message: ArraySlice<UInt8>) -> [Field]? {
        var reader = ProtobufReader(message)
        var fields: [Field] = []
        while !reader.rest.isEmpty {
            guard let field = reader.next() else { return nil }
            fields.append(field)
        }
        return fields
    }

    private mutating func next() -> Field? {
        let start = rest.startIndex
        guard let key = varint(), let number = Int(exactly: key >> 3), number > 0 else { return nil }
        let content: Content
        switch key & 7 {
        case 0:
            guard let value = varint() else { return nil }
            content = .number(value)
        case 1:
            guard let bytes = take(8) else { return nil }
            content = .bytes(bytes)
        case 2:
            guard let count = varint(), let length = Int(exactly: count), let bytes = take(length) else {
                return nil
            }
            content = .bytes(bytes)
        case 5:
            guard let bytes = take(4) else { return nil }
            content = .bytes(bytes)
        default: return nil
        }
        return Field(number: number, content: content, encoded: message[start..<rest.startIndex])
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
