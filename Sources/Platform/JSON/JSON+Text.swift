extension JSON {
    /// The value as JSON text, indented by two spaces, an object's keys in order: the same value is always the same
    /// text.
    package var text: String { text(indent: "") + "\n" }

    private func text(indent: String) -> String {
        let inner = indent + "  "
        func list(_ open: String, _ items: [String], _ close: String) -> String {
            items.isEmpty
                ? open + close : "\(open)\n\(inner)\(items.joined(separator: ",\n\(inner)"))\n\(indent)\(close)"
        }
        switch self {
        case .null: return "null"
        case .bool(let value): return "\(value)"
        case .integer(let value): return "\(value)"
        case .large(let value): return "\(value)"
        // JSON has no infinities; no configuration of ours has any.
        case .number(let value): return Int(exactly: value).map(String.init) ?? (value.isFinite ? "\(value)" : "null")
        case .string(let value): return Self.quoted(value)
        case .array(let values): return list("[", values.map { $0.text(indent: inner) }, "]")
        case .object(let members):
            let lines = members.sorted { $0.key < $1.key }.map {
                "\(Self.quoted($0.key)): \($0.value.text(indent: inner))"
            }
            return list("{", lines, "}")
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension JSON {
    /// The value on one line, shortened, for messages.
    package var shown: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .large(let value): "\(value)"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .string(let value): Platform.quoted(value, limit: 60)
        case .array(let values): "[" + values.prefix(8).map(\.shown).joined(separator: ", ") + "]"
        case .object: "{…}"
        }
    }
}
