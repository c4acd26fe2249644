import ArgumentParser
import Limn

extension ArgumentHelp {
    /// The help of an option for a field of a request, as the field's table has it.
    init(_ field: RequestField, _ valueName: String? = nil) {
        self.init(stringLiteral: field.help)
        self.valueName = valueName
    }
}

extension RequestField {
    /// One line: what it does, its range, its default.
    var help: String {
        let facts = [range, usual.map { "default: \($0)" }].compactMap(\.self)
        return facts.isEmpty ? summary : "\(summary) (\(facts.joined(separator: "; ")))"
    }
}
