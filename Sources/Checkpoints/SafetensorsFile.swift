/// One safetensors file, memory-mapped and read-only. The whole header is checked when it is opened, so reading
/// a tensor afterwards cannot go out of bounds.
package final class SafetensorsFile: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]
    /// The file's own notes (`__metadata__`), text to text.
    package let metadata: [String: String]

    private let file: MappedFile
    /// Byte ranges within the file.
    private let ranges: [String: Range<Int>]

    /// - Throws: `CheckpointError` if the file cannot be opened or breaks a rule of the format.
    package convenience init(path: String) throws { try self.init(file: try MappedFile(path: path)) }

    init(file: MappedFile) throws {
        let header = try file.withBytes { try SafetensorsHeader($0, path: file.path) }
        var tensors: [String: TensorInfo] = [:]
        var ranges: [String: Range<Int>] = [:]
        tensors.reserveCapacity(header.entries.count)
        ranges.reserveCapacity(header.entries.count)
        for entry in header.entries {
            tensors[entry.name] = TensorInfo(
                name: entry.name, dtype: entry.dtype, shape: entry.shape, byteCount: entry.end - entry.begin)
            ranges[entry.name] = header.dataStart + entry.begin..<header.dataStart + entry.end
        }
        path = file.path
        self.tensors = tensors
        self.ranges = ranges
        self.file = file
        metadata = header.metadata
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let range = ranges[name] else { throw missing(name) }
        // Weights are packed into memory of their own; keeping the file's pages too would count them twice.
        defer { if range.count > 1 << 16 { file.release(range) } }
        return try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    package func stored(_ name: String) throws -> StoredTensor {
        guard let info = tensors[name], let range = ranges[name] else { throw missing(name) }
        guard let format = info.dtype.storedFormat else { return try converted(info) }
        return StoredTensor(format, count: info.elementCount, owner: file, bytes: range)
    }
}
