/// A name from outside as it may be shown: in quotes, with control characters (which could drive a terminal) written as
/// escapes, and cut where it is long.
package func quoted(_ name: String, limit: Int = 160) -> String { "\"" + printable(name, limit: limit) + "\"" }

/// A text from outside as it may be shown, without quotes.
///
/// - Parameter limit: how many Unicode scalars are shown
package func printable(_ text: String, limit: Int) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit { return result + "…" }
        count += 1
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
