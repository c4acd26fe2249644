import Platform

/// The files of a tar archive, by name: where each lies in it.
struct TarEntries {
    private(set) var files: [String: Range<Int>] = [:]

    init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
        func damaged(_ what: String) -> CheckpointError {
            CheckpointError(path: path, problem: "the tar file is damaged: \(what); download it again")
        }
        var position = 0
        while position <= bytes.count - 512, bytes[position] != 0 {
            let header = UnsafeRawBufferPointer(rebasing: bytes[position..<position + 512])
            position += 512
            guard let size = Self.number(header[124..<136]), size <= bytes.count - position else {
                throw damaged("a file in it is larger than it is itself")
            }
            // Other kinds than files are folders, links, and notes on the next file.
            if header[156] == UInt8(ascii: "0") || header[156] == 0 {
                let name = String(decoding: header[0..<100].prefix { $0 != 0 }, as: UTF8.self)
                guard files.updateValue(position..<position + size, forKey: name) == nil else {
                    throw damaged("it has the file \(quoted(name)) twice")
                }
            }
            position += (size + 511) / 512 * 512
        }
    }

    /// Octal digits, or where the first bit is set a binary number, the highest byte first.
    private static func number(_ field: Slice<UnsafeRawBufferPointer>) -> Int? {
        var value = 0
        let isBinary = field.first.map { $0 & 0x80 != 0 } ?? false
        for byte in isBinary ? field.dropFirst() : field {
            if !isBinary, byte == 0 || byte == 0x20 { continue }
            let digit = isBinary ? byte : byte &- UInt8(ascii: "0")
            guard isBinary || digit < 8, value <= Int.max >> 9 else { return nil }
            value = value << (isBinary ? 8 : 3) | Int(digit)
        }
        return value
    }
}
