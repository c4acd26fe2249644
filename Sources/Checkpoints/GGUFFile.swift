/// A GGUF file, memory-mapped and read-only. Tensors of F32, F16 and BF16 are used where they lie; quantized ones are
/// float32, computed from the file whenever they are asked for.
package final class GGUFFile: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]
    /// The file's own notes: numbers, and texts up to their 1,000th byte.
    package let notes: [String: String]

    private let file: MappedFile
    private let ranges: [String: Range<Int>]

    /// - Throws: `CheckpointError` if the file cannot be opened, breaks a rule of the format, or has a tensor of a type
    ///   that is not read
    package convenience init(path: String) throws { try self.init(file: try MappedFile(path: path)) }

    init(file: MappedFile) throws {
        let header = try file.withBytes { try GGUFHeader($0, path: file.path) }
        var tensors: [String: TensorInfo] = [:]
        var ranges: [String: Range<Int>] = [:]
        for entry in header.entries {
            switch entry.type {
            case .plain(let dtype):
                tensors[entry.name] = TensorInfo(
                    name: entry.name, dtype: dtype, shape: entry.shape, byteCount: entry.range.count)
            case .quantized(let quantization):
                let count = entry.range.count / quantization.blockSize * quantization.blockCount
                tensors[entry.name] = TensorInfo(
                    name: entry.name, dtype: .f32, shape: entry.shape, byteCount: 4 * count, quantization: quantization)
            }
            ranges[entry.name] = entry.range
        }
        path = file.path
        self.file = file
        self.tensors = tensors
        self.ranges = ranges
        notes = header.notes
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let info = tensors[name], let range = ranges[name] else { throw missing(name) }
        // Weights are packed into memory of their own; keeping the file's pages too would count them twice.
        defer { if range.count > 1 << 16 { file.release(range) } }
        guard let quantization = info.quantization else {
            return try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
        return try withScratch(info.elementCount, path: path, tensor: name) { floats in
            dequantize(quantization, range, to: floats)
            return try body(UnsafeRawBufferPointer(floats))
        }
    }

    package func stored(_ name: String) throws -> StoredTensor {
        guard let info = tensors[name], let range = ranges[name] else { throw missing(name) }
        if let quantization = info.quantization {
            defer { if range.count > 1 << 16 { file.release(range) } }
            return try StoredTensor.filling(info.elementCount, path: path, tensor: name) {
                dequantize(quantization, range, to: $0)
            }
        }
        guard let format = info.dtype.storedFormat else { return try converted(info) }
        return StoredTensor(format, count: info.elementCount, owner: file, bytes: range)
    }

    private func dequantize(
        _ quantization: Quantization, _ range: Range<Int>, to floats: UnsafeMutableBufferPointer<Float>
    ) {
        file.withBytes { quantization.dequantize(UnsafeRawBufferPointer(rebasing: $0[range]), to: floats) }
    }
}
