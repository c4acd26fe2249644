/// A JSON value. Objects keep their order.
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

    /// An object with these members, in the order of their keys.
    package init(_ members: [String: JSON]) {
        self = .object(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// The value of a key of an object; nil for JSON's null too.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let member = members.first(where: { $0.key == key }) else {
            return nil
        }
        if case .null = member.value { return nil }
        return member.value
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var members: [(key: String, value: JSON)]? { if case .object(let value) = self { value } else { nil } }

    /// An integer's value, also where it is written with a fraction of zero.
    package var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// An integer's or a fraction's value.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .large(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// An object's members by their keys; nil of anything else.
    package var dictionary: [String: JSON]? {
        members.map { Dictionary($0.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last }) }
    }
}

/// Numbers are equal by their value, objects whatever the order of their keys.
extension JSON: Equatable {
    package static func == (a: JSON, b: JSON) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object, .object): a.dictionary == b.dictionary
        case (.integer(let a), .integer(let b)): a == b
        case (.large(let a), .large(let b)): a == b
        default: a.number.map { $0 == b.number } ?? false
        }
    }
}

/// Why a text is not JSON that is read here.
package struct JSONError: Error, CustomStringConvertible, Sendable {
    /// A phrase that begins with what the text was called: "its header is not valid JSON: …".
    package let description: String
}

extension JSON {
    /// Reads a whole text: RFC 8259, and the NaN and Infinity that Python writes. A key that comes twice in an object is
    /// an error, and so is a text that is not UTF-8.
    ///
    /// - Parameters:
    ///   - bytes: of any origin
    ///   - subject: what messages call the text
    /// - Throws: `JSONError`
    package init(parsing bytes: UnsafeRawBufferPointer, subject: String = "text") throws {
        var scanner = JSONScanner(bytes, subject: subject) { problem, _ in JSONError(description: problem) }
        self = try scanner.value()
        try scanner.finish()
    }

    /// - Throws: `JSONError`
    package init(parsing bytes: [UInt8], subject: String = "text") throws {
        self = try bytes.withUnsafeBytes { try JSON(parsing: $0, subject: subject) }
    }

    /// A text's value; nil if it is not JSON.
    package static func parse(_ text: String) -> JSON? { try? JSON(parsing: Array(text.utf8)) }
}
