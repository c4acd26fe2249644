/// A name as it is compared: letters and digits only, in lower case; "+" reads as "p" (dpm++2m is dpmpp2m).
func folded(_ name: String) -> String {
    String(
        name.prefix(100).lowercased().compactMap { character -> Character? in
            if character == "+" { return "p" }
            return character.isLetter || character.isNumber ? character : nil
        })
}

/// The value one of whose names this is.
func match<Value>(_ name: String, in known: [(value: Value, names: [String])]) -> Value? {
    let name = folded(name)
    return known.first { $0.names.contains { folded($0) == name } }?.value
}

/// The value one of whose names this is.
/// - Throws: `SamplingError.unknownName`, listing each value's first name and the nearest of all.
package func lookUp<Value>(_ name: String, _ kind: String, in known: [(value: Value, names: [String])]) throws
    -> Value
{
    if let value = match(name, in: known) { return value }
    let asked = folded(name)
    let distances = known.flatMap { entry in
        entry.names.map { (editDistance(asked, folded($0)), entry.names[0]) }
    }
    let nearest = distances.min { $0.0 < $1.0 }.flatMap { $0.0 <= max(2, asked.count / 2) ? $0.1 : nil }
    var listed: [String] = []
    for entry in known where !listed.contains(entry.names[0]) { listed.append(entry.names[0]) }
    throw SamplingError.unknownName(
        kind: kind, name: String(quoted(name).dropFirst().dropLast()), nearest: nearest, known: listed)
}

/// Levenshtein's distance.
private func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}
