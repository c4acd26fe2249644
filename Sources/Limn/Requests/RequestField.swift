import FoundationEssentials
import Platform

/// A field of a request: its name in records, the values that it takes, and one line about it. Each is written down once,
/// in `RequestField+Table.swift`; records, the webui's text, checks of ranges, and the command line's help follow from it.
///
///     for field in RequestField.all { print(field.name, field.summary) }
public struct RequestField: Sendable {
    /// What records call it; a dot leads into a group: "tuning.churn".
    public let name: String
    /// One line for people: what it does.
    public let summary: String
    /// The range of a number, in words: "0 to 1000". nil: the text says it, or it is none.
    public let range: String?
    /// What holds where nothing is given, in words; nil: nothing.
    public let usual: String?

    /// The value as JSON; nil where it is the default.
    package let json: @Sendable (Request) throws -> JSON?
    /// Puts a record's value into a request.
    let read: @Sendable (JSON, inout Request) throws -> Void
    /// Keys and values of the webui's text; none where the value is the default.
    let texts: @Sendable (Request) -> [(key: String, value: String)]
    /// Reads those of another picture.
    let readText: @Sendable (inout FieldReader, inout Request) -> Void
    /// - Throws: `LimnError` for a value that is out of range
    let check: @Sendable (Request) throws -> Void
}

extension RequestField: Equatable, Hashable {
    public static func == (a: RequestField, b: RequestField) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// The numbers that a field takes.
struct FieldRange: Sendable {
    /// What messages call the field, with an article: "a guidance scale".
    let title: String
    let lowest: Double
    let highest: Double
    var excludesLowest = false
    var excludesHighest = false
    /// What else helps to choose one: ", 1 for none".
    var hint = ""

    init(_ title: String, _ range: ClosedRange<Double>, hint: String = "", excludesLowest: Bool = false) {
        (self.title, lowest, highest) = (title, range.lowerBound, range.upperBound)
        (self.hint, self.excludesLowest) = (hint, excludesLowest)
    }

    init(_ title: String, _ range: Range<Double>, hint: String = "") {
        (self.title, lowest, highest) = (title, range.lowerBound, range.upperBound)
        (self.hint, excludesHighest) = (hint, true)
    }

    /// "0 to 1000".
    var words: String {
        func shown(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
        return (excludesLowest ? "above " : "") + shown(lowest) + (excludesHighest ? " to below " : " to ")
            + shown(highest)
    }

    /// - Parameter shown: the value as messages have it
    func check(_ value: Double, shown: String) throws {
        guard value >= lowest, value <= highest, value != lowest || !excludesLowest,
            value != highest || !excludesHighest
        else {
            throw LimnError("\(title) of \(shown) is out of range; give \(words)\(hint)", isUsage: true)
        }
    }
}

/// Numbers whose range can be checked.
protocol FieldNumber { var double: Double { get } }
extension Int: FieldNumber { var double: Double { Double(self) } }
extension UInt64: FieldNumber { var double: Double { Double(self) } }
extension Float: FieldNumber { var double: Double { Double(self) } }
extension Double: FieldNumber { var double: Double { self } }

/// Values as the webui's text has them.
protocol FieldText {
    var fieldText: String { get }
    init?(fieldText: String)
}

extension Int: FieldText {
    var fieldText: String { "\(self)" }
    init?(fieldText: String) { self.init(fieldText) }
}

extension UInt64: FieldText {
    var fieldText: String { "\(self)" }
    init?(fieldText: String) { self.init(fieldText) }
}

extension Float: FieldText {
    /// Without a needless ".0".
    var fieldText: String { Int(exactly: self).map(String.init) ?? "\(self)" }
    init?(fieldText: String) { self.init(fieldText) }
}

extension Double: FieldText {
    /// Without a needless ".0".
    var fieldText: String { Int(exactly: self).map(String.init) ?? "\(self)" }
    init?(fieldText: String) { self.init(fieldText) }
}

extension String: FieldText {
    var fieldText: String { self }
    init?(fieldText: String) { self = fieldText }
}

extension Bool: FieldText {
    var fieldText: String { self ? "True" : "False" }
    init?(fieldText: String) {
        guard ["True", "False"].contains(fieldText) else { return nil }
        self = fieldText == "True"
    }
}

extension PixelSize: FieldText {
    var fieldText: String { "\(width)x\(height)" }

    /// "512x768". The webui writes 0x0 or -1x-1 for none.
    init?(fieldText: String) {
        let sides = fieldText.split(separator: "x").compactMap { Int($0) }
        guard sides.count == 2, sides.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(width: sides[0], height: sides[1])
    }
}

extension [Double]: FieldText {
    var fieldText: String { map { "\($0)" }.joined(separator: " ") }
    init?(fieldText: String) {
        let numbers = fieldText.split(separator: " ").map { Double($0) }
        guard !numbers.contains(nil) else { return nil }
        self = numbers.compactMap(\.self)
    }
}

extension FieldText where Self: RawRepresentable, RawValue == String {
    var fieldText: String { rawValue }
    init?(fieldText: String) { self.init(rawValue: fieldText) }
}

extension Prediction: FieldText {}
extension MaskedContent: FieldText {}
extension PromptStyle: FieldText {}

// MARK: How a field is made of a place in a request

extension RequestField {
    typealias Path<Value> = WritableKeyPath<Request, Value> & Sendable
    /// Writes a field in the webui's text.
    typealias Texts = @Sendable (Request) -> [(key: String, value: String)]
    typealias ReadText = @Sendable (inout FieldReader, inout Request) -> Void

    /// A field whose default is a value.
    ///
    /// - Parameters:
    ///   - texts: keys and values of the webui's text
    ///   - isAlwaysThere: whether records have it even where it is the default
    init<Value: Codable & Equatable & Sendable>(
        _ name: String, _ path: any Path<Value>, _ summary: String, _ range: FieldRange? = nil, usual: String? = nil,
        isAlwaysThere: Bool = false, texts: @escaping Texts = { _ in [] }, readText: @escaping ReadText = { _, _ in }
    ) {
        (self.name, self.summary, self.usual, self.range) = (name, summary, usual, range?.words)
        (self.texts, self.readText) = (texts, readText)
        json = { request in
            let value = request[keyPath: path]
            return isAlwaysThere || value != Request(prompt: "")[keyPath: path] ? try JSON(encoding: value) : nil
        }
        read = { json, request in request[keyPath: path] = try json.decode(Value.self) }
        check = { request in
            if let number = request[keyPath: path] as? any FieldNumber {
                try range?.check(number.double, shown: "\(number)")
            }
        }
    }

    /// A field whose default is nil: what the model or the profile says.
    init<Value: Codable & Equatable & Sendable>(
        _ name: String, _ path: any Path<Value?>, _ summary: String, _ range: FieldRange? = nil, usual: String? = nil,
        texts: @escaping Texts = { _ in [] }, readText: @escaping ReadText = { _, _ in }
    ) {
        (self.name, self.summary, self.usual, self.range) = (name, summary, usual, range?.words)
        (self.texts, self.readText) = (texts, readText)
        json = { request in try request[keyPath: path].map { try JSON(encoding: $0) } }
        read = { json, request in request[keyPath: path] = try json.decode(Value.self) }
        check = { request in
            if let number = request[keyPath: path] as? any FieldNumber {
                try range?.check(number.double, shown: "\(number)")
            }
        }
    }

    /// A field that the webui's text has under a key.
    init<Value: Codable & Equatable & Sendable & FieldText>(
        _ name: String, _ path: any Path<Value>, _ summary: String, _ range: FieldRange? = nil, usual: String? = nil,
        key: String, isAlwaysThere: Bool = false
    ) {
        self.init(
            name, path, summary, range, usual: usual, isAlwaysThere: isAlwaysThere,
            texts: { request in
                let value = request[keyPath: path]
                let isUsual = value == Request(prompt: "")[keyPath: path]
                return isAlwaysThere || !isUsual ? [(key, value.fieldText)] : []
            },
            readText: { fields, request in
                if let value = fields.value(key, Value.init(fieldText:)) { request[keyPath: path] = value }
            })
    }

    /// A field that the webui's text has under a key.
    ///
    /// - Parameter off: the value that is as good as none, and which the text leaves out
    init<Value: Codable & Equatable & Sendable & FieldText>(
        _ name: String, _ path: any Path<Value?>, _ summary: String, _ range: FieldRange? = nil, usual: String? = nil,
        key: String, off: Value? = nil
    ) {
        self.init(
            name, path, summary, range, usual: usual,
            texts: { request in
                guard let value = request[keyPath: path], value != off else { return [] }
                return [(key, value.fieldText)]
            },
            readText: { fields, request in
                guard let value = fields.value(key, Value.init(fieldText:)), value != off else { return }
                request[keyPath: path] = value
            })
    }
}
