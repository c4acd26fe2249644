/// Any file or set of files that yields named tensors.
package protocol TensorSource: Sendable {
    /// The file's path, for messages.
    var path: String { get }

    /// What there is, by name.
    var tensors: [String: TensorInfo] { get }

    /// Numbers and short texts that stand beside the tensors, what the file says about itself; empty where it says
    /// nothing.
    var notes: [String: String] { get }

    /// The stored bytes of a tensor, little-endian and row-major, valid only within `body`; they need not be
    /// aligned to the dtype.
    ///
    /// - Throws: `CheckpointError` if there is no tensor of that name, and what `body` throws.
    func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R

    /// A tensor for use in place, where the source can offer that.
    ///
    /// - Throws: `CheckpointError` if there is no tensor of that name, or no memory for one that must be converted
    func stored(_ name: String) throws -> StoredTensor
}

extension TensorSource {
    package var notes: [String: String] { [:] }

    /// What the file says about a tensor, or an error that names it.
    package func info(_ name: String) throws -> TensorInfo {
        guard let info = tensors[name] else { throw missing(name) }
        return info
    }

    func missing(_ name: String) -> CheckpointError {
        CheckpointError(
            path: path, tensor: name,
            problem: "it is missing from the file, which holds \(tensors.count) tensors")
    }

    /// The values of a tensor of any dtype as float32, row-major. 64-bit values are rounded.
    package func float32(_ name: String) throws -> [Float] {
        try withFloat32(name) { Array($0) }
    }

    /// Like `float32(_:)`, without a copy when the tensor is stored as aligned F32; valid only within `body`.
    package func withFloat32<R>(_ name: String, _ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
        let info = try info(name)
        return try withBytes(of: name) { bytes in
            if info.dtype == .f32, let start = bytes.baseAddress,
                UInt(bitPattern: start) % UInt(MemoryLayout<Float>.alignment) == 0
            {
                return try bytes.withMemoryRebound(to: Float.self, body)
            }
            return try withScratch(info.elementCount, path: path, tensor: name) { floats in
                Conversion.convert(bytes, info.dtype, into: floats)
                return try body(UnsafeBufferPointer(floats))
            }
        }
    }

    /// The values of an integer tensor (I64, I32, I16, I8, U8), row-major.
    ///
    /// - Throws: `CheckpointError` for any other dtype.
    package func integers(_ name: String) throws -> [Int] {
        let info = try info(name)
        return try withBytes(of: name) { bytes in
            switch info.dtype {
            case .i64: values(bytes, Int64.self)
            case .i32: values(bytes, Int32.self)
            case .i16: values(bytes, Int16.self)
            case .i8: values(bytes, Int8.self)
            case .u8: values(bytes, UInt8.self)
            case .f64, .f32, .f16, .bf16, .bool, .f8E4M3, .f8E5M2:
                throw CheckpointError(
                    path: path, tensor: name,
                    problem: "it is stored as \(info.dtype.rawValue), but an integer type was expected")
            }
        }
    }
}

private func values<Stored: BinaryInteger & BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, _: Stored.Type
) -> [Int] {
    let stride = MemoryLayout<Stored>.stride
    return (0..<bytes.count / stride).map {
        Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: $0 * stride, as: Stored.self))
    }
}
