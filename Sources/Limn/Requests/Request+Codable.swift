import FoundationEssentials
import Platform

/// A request as JSON: what differs from the default, under the names of `RequestField`. The picture to start from, the mask
/// and the starting noise are no part of it: records hold their digests (`PictureRecord`).
extension Request: Codable {
    public init(from decoder: any Decoder) throws { try self.init(json: try JSON(from: decoder)) }

    public func encode(to encoder: any Encoder) throws { try json().encode(to: encoder) }

    /// - Throws: `DecodingError` or `JSONError` for a value of another kind than the field's
    init(json: JSON) throws {
        self.init(prompt: "")
        for field in RequestField.all {
            if let value = json[path: field.path] { try field.read(value, &self) }
        }
    }

    func json() throws -> JSON {
        var json = JSON.object([])
        for field in RequestField.all {
            if let value = try field.json(self) { json.set(value, at: field.path) }
        }
        return json
    }
}

extension RequestField {
    /// The keys that lead to it in a record.
    var path: ArraySlice<String> { ArraySlice(name.split(separator: ".").map(String.init)) }
}

extension JSON {
    fileprivate subscript(path path: ArraySlice<String>) -> JSON? {
        guard let key = path.first else { return self }
        return self[key]?[path: path.dropFirst()]
    }

    fileprivate mutating func set(_ value: JSON, at path: ArraySlice<String>) {
        guard let key = path.first, case .object(var members) = self else {
            self = value
            return
        }
        let index = members.firstIndex { $0.key == key }
        var inner = index.map { members[$0].value } ?? .object([])
        inner.set(value, at: path.dropFirst())
        if let index { members[index].value = inner } else { members.append((key, inner)) }
        self = .object(members)
    }
}

extension JSON {
    /// A value of ours as JSON.
    init(encoding value: some Encodable) throws {
        try self.init(parsing: Array(JSONEncoder().encode(value)))
    }
}
