import FoundationEssentials
import Glibc
import Platform

/// What is wrong with a model's configuration or inputs, in words for people.
package struct ModelError: Error, CustomStringConvertible, Sendable, Equatable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A `config.json` whose values are checked as they are read: outside values get in here and nowhere else.
package struct ConfigFile: Sendable {
    package let path: String
    private let values: [String: JSON]

    /// - Throws: `ModelError` if the file cannot be read or is not a JSON object.
    package init(path: String) throws {
        guard let values = try Self.json(path: path).dictionary else {
            throw ModelError("\(path): this is not a JSON object; get the file again from where the model came from")
        }
        self.path = path
        self.values = values
    }

    /// What a configuration's file holds.
    ///
    /// - Throws: `ModelError` if it cannot be read or is not JSON
    package static func json(path: String) throws -> JSON {
        do {
            return try JSON(parsing: try data(path: path))
        } catch let error as JSONError {
            throw ModelError("\(path): \(error); get the file again from where the model came from")
        }
    }

    /// The bytes of a configuration: a plain file of a few kilobytes, for a pipe would be waited for and a device
    /// read for ever.
    ///
    /// - Throws: `ModelError` if it is none or cannot be read
    private static func data(path: String) throws -> [UInt8] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ModelError("\(path): cannot be read; a diffusers model folder has such a file for each part")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ModelError("\(path): this is not an ordinary file, but a configuration was expected")
        }
        guard status.st_size <= 4 << 20 else {
            throw ModelError("\(path): \(status.st_size) bytes are too many for a configuration")
        }
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw ModelError("\(path): cannot be read; you may not be allowed to")
        }
        return Array(data)
    }

    package init(path: String, values: [String: JSON]) {
        self.path = path
        self.values = values
    }

    private func value(_ key: String) -> JSON? { values[key] == .null ? nil : values[key] }

    package func isSet(_ key: String) -> Bool { value(key) != nil }
    package func isList(_ key: String) -> Bool { if case .array = values[key] { true } else { false } }
    /// Whether the key is there, be it null.
    package func has(_ key: String) -> Bool { values[key] != nil }

    private func wrong(_ key: String, _ value: JSON, expected: String) -> ModelError {
        ModelError("\(path): \(key) is \(value.shown), but \(expected) was expected")
    }

    package func unsupported(_ key: String, _ shown: String, supported: String) -> ModelError {
        ModelError("\(path): \(key) \(shown) is not supported; limn knows \(supported)")
    }

    private func whole(_ key: String, _ value: JSON, in range: ClosedRange<Int>) throws -> Int {
        guard let whole = value.integer, range.contains(whole) else {
            throw wrong(
                key, value, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    package func int(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws -> Int {
        try value(key).map { try whole(key, $0, in: range) } ?? fallback
    }

    package func optionalInt(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        try value(key).map { try whole(key, $0, in: range) }
    }

    package func float(_ key: String, default fallback: Float) throws -> Float {
        try value(key).map { try number(key, $0) } ?? fallback
    }

    private func number(_ key: String, _ value: JSON) throws -> Float {
        guard let number = value.number, number.isFinite, Float(number).isFinite else {
            throw wrong(key, value, expected: "a number")
        }
        return Float(number)
    }

    package func bool(_ key: String, default fallback: Bool) throws -> Bool {
        guard let value = value(key) else { return fallback }
        guard case .bool(let bool) = value else { throw wrong(key, value, expected: "true or false") }
        return bool
    }

    package func string(_ key: String, default fallback: String) throws -> String {
        guard let value = value(key) else { return fallback }
        guard case .string(let string) = value else { throw wrong(key, value, expected: "a text") }
        return string
    }

    package func optionalString(_ key: String) throws -> String? {
        try isSet(key) ? string(key, default: "") : nil
    }

    package func strings(_ key: String, default fallback: [String]) throws -> [String] {
        guard let value = value(key) else { return fallback }
        guard case .array(let items) = value, (1...16).contains(items.count) else {
            throw wrong(key, value, expected: "a list of 1 to 16 names")
        }
        return try items.map {
            guard case .string(let string) = $0 else { throw wrong(key, value, expected: "a list of names") }
            return string
        }
    }

    /// The class of a pipeline's part, which `model_index.json` gives as [library, class]; nil if it does not.
    package func partClass(_ part: String) -> String? {
        guard case .array(let pair)? = value(part), pair.count == 2, case .string(let name) = pair[1] else {
            return nil
        }
        return name
    }

    package func ints(_ key: String, default fallback: [Int], in range: ClosedRange<Int>) throws -> [Int] {
        guard let value = value(key) else { return fallback }
        guard case .array(let items) = value, (1...16).contains(items.count) else {
            throw wrong(key, value, expected: "a list of 1 to 16 numbers")
        }
        return try items.map { try whole(key, $0, in: range) }
    }

    /// A list of so many numbers; nil if the key is missing or null.
    package func floats(_ key: String, count: Int) throws -> [Float]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value, items.count == count else {
            throw wrong(key, value, expected: "a list of \(count) numbers")
        }
        return try items.map { try number(key, $0) }
    }

    /// A list with one number a level, or one number for all levels.
    package func perLevel(_ key: String, default fallback: Int, levels: Int, in range: ClosedRange<Int>) throws
        -> [Int]
    {
        if case .array = value(key) {
            let list = try ints(key, default: [], in: range)
            guard list.count == levels else {
                throw ModelError("\(path): \(key) has \(list.count) numbers, but there are \(levels) levels")
            }
            return list
        }
        return Array(repeating: try int(key, default: fallback, in: range), count: levels)
    }

    /// A list with one number a level or one number a layer of the level, or one number for all levels.
    ///
    /// - Parameter layers: how many layers each level has
    /// - Returns: of each level one number, or as many as it has layers
    package func perLayer(
        _ key: String, default fallback: Int, layers: [Int], in range: ClosedRange<Int>
    ) throws -> [[Int]] {
        guard case .array(let items) = value(key) else {
            return try perLevel(key, default: fallback, levels: layers.count, in: range).map { [$0] }
        }
        guard items.count == layers.count else {
            throw ModelError("\(path): \(key) has \(items.count) entries, but there are \(layers.count) levels")
        }
        return try zip(items, layers).map { item, count in
            guard case .array(let numbers) = item else { return [try whole(key, item, in: range)] }
            guard numbers.count == count else {
                throw ModelError("\(path): \(key) has \(numbers.count) numbers for a level of \(count) layers")
            }
            return try numbers.map { try whole(key, $0, in: range) }
        }
    }

    package func perLevel(_ key: String, default fallback: Bool, levels: Int) throws -> [Bool] {
        if case .array(let items) = value(key) {
            let list: [Bool] = items.compactMap { if case .bool(let bool) = $0 { bool } else { nil } }
            guard list.count == levels, items.count == levels else {
                throw ModelError("\(path): \(key) needs true or false for each of the \(levels) levels")
            }
            return list
        }
        return Array(repeating: try bool(key, default: fallback), count: levels)
    }

    /// Throws unless the key is missing, null, or one of the values that mean "off".
    package func requireOff(_ key: String, reason: String) throws {
        switch value(key) {
        case nil, .bool(false)?: return
        case .some(let value):
            throw ModelError("\(path): \(key) = \(value.shown) is not supported yet: \(reason)")
        }
    }
}
