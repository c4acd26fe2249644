/// A stored tensor that is written under some name and as some type, a piece at a time.
package struct TensorCopy: WritableTensor {
    package let name: String
    package let dtype: DType
    package let shape: [Int]
    package let byteCount: Int
    private let source: any TensorSource
    private let stored: TensorInfo

    /// - Parameters:
    ///   - stored: its name in the source
    ///   - floats: what numbers with a fraction become; nil for what they are. Whole numbers stay as they are.
    /// - Throws: `CheckpointError` if there is no such tensor
    package init(_ name: String, of source: any TensorSource, _ stored: String, floats: DType? = nil) throws {
        let info = try source.info(stored)
        (self.name, self.source, self.stored) = (name, source, info)
        shape = info.shape
        dtype = info.dtype.isFloatingPoint ? floats ?? info.dtype : info.dtype
        byteCount = info.elementCount * dtype.byteSize
    }

    package func write(to sink: FileSink) throws {
        try source.withBytes(of: stored.name) { bytes in
            guard dtype != stored.dtype else { return try sink.write(bytes) }
            try converted(bytes, sink)
        }
    }

    /// Values in one piece of work.
    private static let piece = 1 << 18

    private func converted(_ bytes: UnsafeRawBufferPointer, _ sink: FileSink) throws {
        let count = stored.elementCount
        try withScratch(2 * min(Self.piece, count), path: sink.path, tensor: name) { scratch in
            let floats = UnsafeMutableBufferPointer(rebasing: scratch[..<(scratch.count / 2)])
            let output = UnsafeMutableRawBufferPointer(
                UnsafeMutableBufferPointer(rebasing: scratch[(scratch.count / 2)...]))
            for first in stride(from: 0, to: count, by: max(1, floats.count)) {
                let values = UnsafeMutableBufferPointer(rebasing: floats[..<min(floats.count, count - first)])
                let size = stored.dtype.byteSize
                Conversion.convert(
                    UnsafeRawBufferPointer(rebasing: bytes[first * size..<(first + values.count) * size]),
                    stored.dtype, into: values)
                guard Narrowing.narrow(UnsafeBufferPointer(values), dtype, into: output) else {
                    throw CheckpointError(
                        path: source.path, tensor: stored.name,
                        problem: "it has values beyond 65504, the largest of F16; write bf16 or f32 instead")
                }
                try sink.write(UnsafeRawBufferPointer(rebasing: output[..<(values.count * dtype.byteSize)]))
            }
        }
    }
}

/// Float32 values as numbers of fewer bits, rounded to the nearest, ties to even.
enum Narrowing {
    /// - Returns: false if a finite value has become infinite
    static func narrow(
        _ floats: UnsafeBufferPointer<Float>, _ dtype: DType, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        switch dtype {
        case .f16:
            var isFine = true
            for index in floats.indices {
                let value = floats[index]
                let half = Float16(value)
                isFine = isFine && (half.isFinite || !value.isFinite)
                output.storeBytes(of: half.bitPattern.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
            }
            return isFine
        case .bf16:
            for index in floats.indices {
                output.storeBytes(of: bfloat16(floats[index]), toByteOffset: 2 * index, as: UInt16.self)
            }
            return true
        default:
            output.copyMemory(from: UnsafeRawBufferPointer(floats))
            return true
        }
    }

    private static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        // Rounding could carry a NaN's last bits away, so it is told from the others.
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}

extension DType {
    /// Numbers with a fraction.
    package var isFloatingPoint: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16, .f8E4M3, .f8E5M2: true
        case .i64, .i32, .i16, .i8, .u8, .bool: false
        }
    }
}
