import Platform

/// The entries of a zip file, as PyTorch writes them: stored as they are, so that they can be used in place. Nothing is
/// unpacked, and names are only compared, never used as paths.
struct ZipDirectory {
    struct Entry {
        let name: Range<Int>
        let method: UInt16
        let isEncrypted: Bool
        let packedSize: UInt64
        let size: UInt64
        let header: UInt64
    }

    private(set) var entries: [String: Entry] = [:]
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    /// Where the central directory begins, and all data ends.
    private var start = 0

    /// - Parameter bytes: must outlive this
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
        (self.bytes, self.path) = (bytes, path)
        let (count, range) = try directory()
        start = range.lowerBound
        var reader = ByteReader(bytes, part: range, path: path, subject: "the zip file's directory")
        // Every entry takes 46 bytes and more, so that the count is bounded by the file.
        guard count <= UInt64(range.count / 46) else { throw damaged("its directory lists more than it has") }
        entries.reserveCapacity(Int(count))
        for _ in 0..<count { try readEntry(&reader) }
        guard reader.rest == 0 else { throw damaged("its directory has \(reader.rest) bytes too many") }
    }

    private func damaged(_ what: String) -> CheckpointError {
        CheckpointError(path: path, problem: "the zip file is damaged: \(what); download it again")
    }

    /// How many entries there are, and where their list lies.
    private func directory() throws -> (UInt64, Range<Int>) {
        // The end record has 22 bytes and a comment of up to 65,535.
        let earliest = max(0, bytes.count - 22 - 65_535)
        guard let end = stride(from: bytes.count - 22, through: earliest, by: -1).first(where: isEnd) else {
            throw damaged("its end is missing, it is truncated")
        }
        var reader = ByteReader(bytes, at: end + 8, path: path, subject: "the zip file's end")
        let here: UInt16 = try reader.number("its counts")
        let all: UInt16 = try reader.number("its counts")
        let size: UInt32 = try reader.number("its size")
        let offset: UInt32 = try reader.number("its place")
        guard here == all else { throw damaged("it is one part of several") }
        var (count, length, begin) = (UInt64(all), UInt64(size), UInt64(offset))
        var limit = end
        if end >= 20, try signature(at: end - 20) == 0x0706_4B50 {
            // A zip64 file: its own end record is in front.
            var locator = ByteReader(bytes, at: end - 12, path: path, subject: "the zip file's end")
            let place: UInt64 = try locator.number("its place")
            guard let at = Int(exactly: place), at <= end - 20 - 56, try signature(at: at) == 0x0606_4B50 else {
                throw damaged("its zip64 end is not where it should be")
            }
            reader = ByteReader(bytes, at: at + 24, path: path, subject: "the zip file's end")
            let here: UInt64 = try reader.number("its counts")
            count = try reader.number("its counts")
            length = try reader.number("its size")
            begin = try reader.number("its place")
            guard here == count else { throw damaged("it is one part of several") }
            limit = at
        }
        guard begin <= UInt64(limit), length <= UInt64(limit) - begin else {
            throw damaged("its directory lies outside of it")
        }
        return (count, Int(begin)..<Int(begin + length))
    }

    /// Whether the end record is here, with a comment that reaches exactly to the file's end.
    private func isEnd(_ at: Int) -> Bool {
        guard let found = try? signature(at: at), found == 0x0605_4B50 else { return false }
        let comment = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 20, as: UInt16.self))
        return Int(comment) == bytes.count - at - 22
    }

    private func signature(at position: Int) throws -> UInt32 {
        guard position >= 0, position <= bytes.count - 4 else { throw damaged("a part lies outside of it") }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    private mutating func readEntry(_ reader: inout ByteReader) throws {
        let signature: UInt32 = try reader.number("an entry")
        guard signature == 0x0201_4B50 else { throw damaged("its directory has something else than entries") }
        _ = try reader.take(4, "an entry")
        let flags: UInt16 = try reader.number("an entry")
        let method: UInt16 = try reader.number("an entry")
        _ = try reader.take(8, "an entry")
        let packed: UInt32 = try reader.number("an entry")
        let size: UInt32 = try reader.number("an entry")
        let lengths: (UInt16, UInt16, UInt16) = (
            try reader.number("an entry"), try reader.number("an entry"), try reader.number("an entry")
        )
        _ = try reader.take(8, "an entry")
        let header: UInt32 = try reader.number("an entry")
        let nameRange = try reader.take(Int(lengths.0), "an entry's name")
        let extra = try reader.take(Int(lengths.1), "an entry's extra field")
        _ = try reader.take(Int(lengths.2), "an entry's comment")

        var wide = [UInt64(size), UInt64(packed), UInt64(header)]
        try widen(&wide, extra)
        let name = reader.text(nameRange)
        let entry = Entry(
            name: nameRange, method: method, isEncrypted: flags & 1 != 0, packedSize: wide[1], size: wide[0],
            header: wide[2])
        guard entries.updateValue(entry, forKey: name) == nil else {
            throw damaged("it has the entry \(quoted(name)) twice")
        }
    }

    /// Values of 32 bits that are full stand in the extra field with 64.
    private func widen(_ values: inout [UInt64], _ extra: Range<Int>) throws {
        let full = values.indices.filter { values[$0] == 0xFFFF_FFFF }
        guard !full.isEmpty else { return }
        var reader = ByteReader(bytes, part: extra, path: path, subject: "the zip file's directory")
        while reader.rest >= 4 {
            let id: UInt16 = try reader.number("an extra field")
            let length: UInt16 = try reader.number("an extra field")
            let field = try reader.take(Int(length), "an extra field")
            guard id == 1 else { continue }
            var wide = ByteReader(bytes, part: field, path: path, subject: "the zip file's directory")
            for index in full { values[index] = try wide.number("a size of 64 bits") }
            return
        }
        // A size may just be that.
    }

    /// Where the bytes of an entry lie.
    ///
    /// - Throws: `CheckpointError` if they are compressed or encrypted, or its own header says otherwise than the
    ///   directory
    func bytes(of name: String) throws -> Range<Int> {
        guard let entry = entries[name] else {
            throw CheckpointError(path: path, problem: "the zip file has no entry \(quoted(name)); it is incomplete")
        }
        func damaged(_ what: String) -> CheckpointError { self.damaged("its entry \(quoted(name)) \(what)") }
        guard !entry.isEncrypted else {
            throw CheckpointError(path: path, problem: "the zip file is encrypted, which PyTorch's files are not")
        }
        guard entry.method == 0 else {
            throw CheckpointError(
                path: path,
                problem: "its entry \(quoted(name)) is compressed, which PyTorch does not do: unpack the zip file and "
                    + "pack it again without compression, or save the weights again with PyTorch")
        }
        guard entry.size == entry.packedSize else { throw damaged("has two sizes") }
        guard let header = Int(exactly: entry.header), header <= start - 30, try signature(at: header) == 0x0403_4B50
        else { throw damaged("does not begin where the directory says") }
        var reader = ByteReader(
            bytes, part: header..<start, path: path, subject: "the zip file's entry \(quoted(name))")
        reader.position += 8
        let method: UInt16 = try reader.number("its header")
        reader.position += 16
        let nameLength: UInt16 = try reader.number("its header")
        let extraLength: UInt16 = try reader.number("its header")
        let ownName = try reader.take(Int(nameLength), "its name")
        _ = try reader.take(Int(extraLength), "its header")
        guard method == 0, bytes[ownName].elementsEqual(bytes[entry.name]) else {
            throw damaged("is called otherwise in its own header")
        }
        guard entry.size <= UInt64(reader.rest) else { throw damaged("is larger than the file") }
        return reader.position..<reader.position + Int(entry.size)
    }
}
