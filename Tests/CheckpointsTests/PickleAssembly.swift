/// Pickles made by hand, an instruction at a time.
enum Pickle {
    static func text(_ text: String) -> [UInt8] { [0x58] + little(UInt32(text.utf8.count)) + Array(text.utf8) }
    static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + little(UInt64(bitPattern: Int64(value))) }
    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
    static func tuple(_ values: [UInt8]...) -> [UInt8] { code("(") + values.flatMap(\.self) + code("t") }
    static func dictionary(_ members: [(String, [UInt8])]) -> [UInt8] {
        code("}(") + members.flatMap { text($0.0) + $0.1 } + code("u")
    }
    static func code(_ letters: String) -> [UInt8] { Array(letters.utf8) }
    static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    static func ints(_ values: [Int]) -> [UInt8] { code("(") + values.flatMap(integer) + code("t") }

    static func storage(_ key: String = "0", _ type: String = "FloatStorage", count: Int, extra: [UInt8] = code("N"))
        -> [UInt8]
    {
        tuple(text("storage"), global("torch", type), text(key), text("cpu"), integer(count), extra) + code("Q")
    }

    static func tensor(_ storage: [UInt8], offset: Int = 0, shape: [Int], strides: [Int]) -> [UInt8] {
        global("torch._utils", "_rebuild_tensor_v2")
            + tuple(storage, integer(offset), ints(shape), ints(strides), [0x89], code("N")) + code("R")
    }

    /// A file of the form before PyTorch 1.6, whose object is what the instructions leave on the stack.
    static func stream(_ object: [UInt8], storages: [(String, [Float])] = []) -> [UInt8] {
        let magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
        let version = [0x80, 2] + code("M") + little(UInt16(1001)) + code(".")
        let keys = [0x80, 2] + code("](") + storages.flatMap { text($0.0) } + code("e.")
        let data = storages.flatMap { little(UInt64($0.1.count)) + $0.1.flatMap { little($0.bitPattern) } }
        return magic + version + [0x80, 2] + code("}.") + [0x80, 2] + object + code(".") + keys + data
    }
}

/// Zip files made by hand.
struct ZipAssembly {
    struct Entry {
        var name: String
        var data: [UInt8]
        var localName: String?
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var size: UInt32?
        var packedSize: UInt32?
        var header: UInt32?
    }

    var entries: [Entry]
    var count: UInt16?
    var directorySize: UInt32?
    var directoryStart: UInt32?
    var comment: [UInt8] = []

    init(_ entries: [(String, [UInt8])]) { self.entries = entries.map { Entry(name: $0.0, data: $0.1) } }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let sizes =
                Pickle.little(entry.packedSize ?? UInt32(entry.data.count))
                + Pickle.little(entry.size ?? UInt32(entry.data.count))
            let name = Array((entry.localName ?? entry.name).utf8)
            let start = entry.header ?? UInt32(bytes.count)
            bytes += [0x50, 0x4B, 3, 4, 0, 0] + Pickle.little(entry.flags) + Pickle.little(entry.method)
            bytes += [UInt8](repeating: 0, count: 8) + sizes
            bytes += Pickle.little(UInt16(name.count)) + [0, 0] + name + entry.data
            directory += [0x50, 0x4B, 1, 2, 0, 0, 0, 0] + Pickle.little(entry.flags) + Pickle.little(entry.method)
            directory += [UInt8](repeating: 0, count: 8) + sizes + Pickle.little(UInt16(entry.name.utf8.count))
            directory += [UInt8](repeating: 0, count: 12) + Pickle.little(start) + Array(entry.name.utf8)
        }
        let counts = Pickle.little(count ?? UInt16(entries.count))
        return bytes + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + counts + counts
            + Pickle.little(directorySize ?? UInt32(directory.count))
            + Pickle.little(directoryStart ?? UInt32(bytes.count))
            + Pickle.little(UInt16(truncatingIfNeeded: comment.count)) + comment
    }
}
