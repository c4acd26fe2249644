/// A string that equals another only if the bytes are the same.
///
/// Swift's own strings are equal when they are canonically equivalent, but vocabularies tell "é" from "e" + U+0301.
package struct ExactString: Hashable, Sendable {
    private let string: String

    package init(_ string: String) { self.string = string }

    package static func == (a: Self, b: Self) -> Bool { a.string.utf8.elementsEqual(b.string.utf8) }

    package func hash(into hasher: inout Hasher) {
        var copy = string
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
