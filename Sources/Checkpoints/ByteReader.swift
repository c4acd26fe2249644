/// Reads little-endian numbers and runs of bytes one after the other; what would lie beyond the end is an error.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    let path: String
    /// What is being read, for messages: "its pickle".
    let subject: String
    var position: Int

    /// - Parameter bytes: must outlive the reader
    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, path: String, subject: String) {
        (self.bytes, self.position, self.path, self.subject) = (bytes, position, path, subject)
    }

    /// A reader of a part of the same bytes, which knows positions in the whole.
    init(_ bytes: UnsafeRawBufferPointer, part: Range<Int>, path: String, subject: String) {
        self.init(
            UnsafeRawBufferPointer(rebasing: bytes[..<part.upperBound]), at: part.lowerBound, path: path,
            subject: subject)
    }

    var rest: Int { bytes.count - position }

    func failure(_ problem: String) -> CheckpointError { CheckpointError(path: path, problem: "\(subject) \(problem)") }

    /// Where the next `count` bytes lie.
    mutating func take(_ count: Int, _ what: @autoclosure () -> String) throws -> Range<Int> {
        guard count >= 0, count <= rest else {
            throw failure("ends within \(what()); the file is truncated or damaged, download it again")
        }
        defer { position += count }
        return position..<position + count
    }

    mutating func take(_ count: UInt64, _ what: @autoclosure () -> String) throws -> Range<Int> {
        try take(Int(exactly: count) ?? .max, what())
    }

    mutating func number<Number: FixedWidthInteger>(_ what: @autoclosure () -> String) throws -> Number {
        let range = try take(MemoryLayout<Number>.size, what())
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
    }

    /// The bytes up to the next line feed, which is passed over.
    mutating func line(_ what: @autoclosure () -> String) throws -> Range<Int> {
        let start = position
        while position < bytes.count, bytes[position] != 0x0A { position += 1 }
        guard position < bytes.count else {
            throw failure("ends within \(what()); the file is truncated or damaged, download it again")
        }
        position += 1
        return start..<position - 1
    }

    /// Bytes as text; those that are not UTF-8 are replaced.
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}
