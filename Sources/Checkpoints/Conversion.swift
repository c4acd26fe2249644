import CKernels

/// Converts stored values of any dtype to float32. The half precisions, in which most weights come, go through a
/// kernel.
///
/// Values are little-endian, as the format has them and as every platform of ours is. The bytes need not be
/// aligned: the data begins at any offset when a writer does not pad the header.
enum Conversion {
    /// - Precondition: `source.count == destination.count * dtype.byteSize`, which the callers have checked.
    static func convert(
        _ source: UnsafeRawBufferPointer, _ dtype: DType, into destination: UnsafeMutableBufferPointer<Float>
    ) {
        let count = min(destination.count, source.count / dtype.byteSize)
        guard count > 0, let bytes = source.baseAddress, let floats = destination.baseAddress else { return }
        switch dtype {
        case .f32: UnsafeMutableRawPointer(floats).copyMemory(from: bytes, byteCount: count * 4)
        case .f16: limn_stored_to_f32(limn_kernels_best(), LIMN_STORED_F16, bytes, count, floats)
        case .bf16: limn_stored_to_f32(limn_kernels_best(), LIMN_STORED_BF16, bytes, count, floats)
        case .f64: map(bytes, floats, count) { (value: Double) in Float(value) }
        case .i64: map(bytes, floats, count) { (value: Int64) in Float(value) }
        case .i32: map(bytes, floats, count) { (value: Int32) in Float(value) }
        case .i16: map(bytes, floats, count) { (value: Int16) in Float(value) }
        case .i8: map(bytes, floats, count) { (value: Int8) in Float(value) }
        case .u8: map(bytes, floats, count) { (value: UInt8) in Float(value) }
        case .bool: map(bytes, floats, count) { (value: UInt8) in value == 0 ? 0 : 1 }
        case .f8E4M3: map(bytes, floats, count) { (code: UInt8) in float(e4m3: code) }
        case .f8E5M2: map(bytes, floats, count) { (code: UInt8) in float(half: UInt16(code) << 8) }
        }
    }

    @inline(__always)
    private static func map<Stored: BitwiseCopyable>(
        _ bytes: UnsafeRawPointer, _ floats: UnsafeMutablePointer<Float>, _ count: Int,
        _ value: (Stored) -> Float
    ) {
        for index in 0..<count {
            floats[index] = value(
                bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.stride, as: Stored.self))
        }
    }

    /// IEEE 754 binary16 by shifting the bits into place and scaling by 2¹¹², the difference of the exponents'
    /// biases; exact for subnormals too. Free of branches and calls, so that the loop vectorises for plain SSE2,
    /// where `Float(Float16)` is a function call an element.
    @inline(__always)
    static func float(half: UInt16) -> Float {
        let magnitude = UInt32(half & 0x7FFF)
        let scaled = Float(bitPattern: magnitude << 13) * 0x1p112
        // The sum carries into bit 15 exactly for infinities and NaNs; these keep an exponent of all ones.
        let isSpecial = (magnitude &+ 0x400) >> 15
        let specialBits = (0 &- isSpecial) & 0x7F80_0000
        return Float(bitPattern: scaled.bitPattern | specialBits | (UInt32(half & 0x8000) << 16))
    }

    /// FP8 E4M3 without infinities (Micikevicius et al. 2022, arXiv 2209.05433): bias 7, NaN is S.1111.111.
    @inline(__always)
    static func float(e4m3 code: UInt8) -> Float {
        let magnitude = UInt32(code & 0x7F)
        let sign = UInt32(code & 0x80) << 24
        // Seven bits shifted to the top of float32's exponent and mantissa; the biases differ by 120.
        let scaled = Float(bitPattern: magnitude << 20) * 0x1p120
        return Float(bitPattern: (magnitude == 0x7F ? 0x7FC0_0000 : scaled.bitPattern) | sign)
    }
}
