@_spi(_Unicode) import Swift

/// Normalization form C (Unicode Standard Annex 15) as of Unicode 9: the tokenizers library does not know how later
/// characters combine, so they stay where they are and nothing moves or composes across them.
enum Composition {
    /// The newest Unicode version whose combining marks count.
    private static let version = 9
    /// Marks of class 0 that decompose to marks of other classes; Swift's normalization leaves them unordered.
    private static let split: [Unicode.Scalar: [Unicode.Scalar]] = [
        "\u{F73}": ["\u{F71}", "\u{F72}"], "\u{F75}": ["\u{F71}", "\u{F74}"],
        "\u{F81}": ["\u{F71}", "\u{F80}"],
    ]

    static func compose(_ text: Substring) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.utf8.count)
        var stretch: [Unicode.Scalar] = []
        // Nothing below U+0300 changes or composes with what precedes it.
        var isPlain = true
        func flush() {
            if isPlain { result += stretch } else { result += composed(&stretch) }
            stretch.removeAll(keepingCapacity: true)
            isPlain = true
        }
        for scalar in text.unicodeScalars {
            if scalar.value < 0x300 {
                stretch.append(scalar)
            } else if (scalar.properties.age?.major ?? .max) <= version {
                if let parts = split[scalar] { stretch += parts } else { stretch.append(scalar) }
                isPlain = false
            } else {
                flush()
                result.append(scalar)
            }
        }
        flush()
        return result
    }

    private static func composed(_ scalars: inout [Unicode.Scalar]) -> [Unicode.Scalar] {
        orderLongRuns(&scalars)
        var text = String.UnicodeScalarView()
        for scalar in scalars { text.append(scalar) }
        return Array(String(text)._nfc)
    }

    /// Puts long runs of combining marks into canonical order, which Swift would do in quadratic time.
    private static func orderLongRuns(_ scalars: inout [Unicode.Scalar]) {
        var start = 0
        while start < scalars.count {
            var classes: [UInt8] = []
            while start + classes.count < scalars.count {
                let order = scalars[start + classes.count].properties.canonicalCombiningClass.rawValue
                if order == 0 { break }
                classes.append(order)
            }
            if classes.count > 30 {
                let sorted = classes.indices.sorted { (classes[$0], $0) < (classes[$1], $1) }
                scalars.replaceSubrange(
                    start..<(start + classes.count), with: sorted.map { scalars[start + $0] })
            }
            start += classes.count + 1
        }
    }
}
