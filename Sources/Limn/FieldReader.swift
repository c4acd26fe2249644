import Images

/// Reads the fields of a `parameters` text, and keeps account of them: what nobody asks for, and what cannot be read, is
/// not followed, and so can be named.
struct FieldReader {
    let parameters: PictureParameters
    private var asked: Set<String> = []
    /// Fields that were asked for, but whose values are not understood.
    private(set) var unread: [String] = []

    init(_ parameters: PictureParameters) { self.parameters = parameters }

    /// A field's text; nil if there is none.
    mutating func text(_ key: String) -> String? {
        asked.insert(key)
        return parameters[key]
    }

    /// What a field's text stands for; nil also if that is not to be made out.
    mutating func value<Value>(_ key: String, _ parse: (String) -> Value?) -> Value? {
        guard let text = text(key), !Self.isOff(text) else { return nil }
        let value = parse(text)
        if value == nil { unread.append(Self.shown(key, text)) }
        return value
    }

    mutating func double(_ key: String) -> Double? { value(key) { Double($0) } }
    mutating func float(_ key: String) -> Float? { value(key) { Float($0) } }
    mutating func integer(_ key: String) -> Int? { value(key) { Int($0) } }

    /// Whether a setting is on.
    mutating func isTrue(_ key: String) -> Bool { text(key) == "True" }

    /// Says that fields are followed, or need not be.
    mutating func pass(_ keys: some Sequence<String>) { asked.formUnion(keys) }
    mutating func pass(where isPassed: (String) -> Bool) { pass(keys.filter(isPassed)) }

    /// Says that a field is not followed, although it was asked for.
    mutating func refuse(_ key: String) {
        guard let text = parameters[key] else { return }
        let entry = Self.shown(key, text)
        if !unread.contains(entry) { unread.append(entry) }
    }

    var keys: [String] { parameters.fields.map(\.key) }

    /// What was not followed, each once, in the order of the text.
    var notFollowed: [String] {
        var found: [String] = []
        for (key, text) in parameters.fields {
            let entry = Self.shown(key, text)
            let isLeft = !asked.contains(key) && !Self.isOff(text)
            if isLeft || unread.contains(entry), !found.contains(entry) { found.append(entry) }
        }
        return found
    }

    /// What says that a setting is not in use.
    private static func isOff(_ text: String) -> Bool { ["", "None", "False", "none", "false"].contains(text) }

    /// A field for a message: its value too, where it is short.
    private static func shown(_ key: String, _ text: String) -> String {
        text.count <= 40 ? "\(key) (\(ComfyUIWorkflow.short(text)))" : key
    }
}
