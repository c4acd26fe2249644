/// The element types of the safetensors format that are read here; raw values are the format's names.
package enum DType: String, CaseIterable, Sendable {
    case f64 = "F64"
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case i64 = "I64"
    case i32 = "I32"
    case i16 = "I16"
    case i8 = "I8"
    case u8 = "U8"
    case bool = "BOOL"
    /// 4 exponent bits, 3 mantissa bits, no infinities (torch's float8_e4m3fn).
    case f8E4M3 = "F8_E4M3"
    /// 5 exponent bits, 2 mantissa bits: the upper half of an F16.
    case f8E5M2 = "F8_E5M2"

    /// Bytes an element.
    package var byteSize: Int {
        switch self {
        case .f64, .i64: 8
        case .f32, .i32: 4
        case .f16, .bf16, .i16: 2
        case .i8, .u8, .bool, .f8E4M3, .f8E5M2: 1
        }
    }
}

/// What a file says about one tensor: row-major, the last dimension fastest. `[]` is a scalar, and a dimension
/// may be 0.
package struct TensorInfo: Sendable, Equatable {
    package let name: String
    package let dtype: DType
    package let shape: [Int]
    /// Bytes of the values as they are read, which a quantized tensor has more of than its file.
    package let byteCount: Int
    /// What the file has in place of the dtype, which the values then are turned into.
    package let quantization: Quantization?

    package init(name: String, dtype: DType, shape: [Int], byteCount: Int, quantization: Quantization? = nil) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = byteCount
        self.quantization = quantization
    }

    /// What the file has the values as: "F16", "Q4_K".
    package var storedType: String { quantization?.rawValue ?? dtype.rawValue }

    /// Bytes that the values take in the file.
    package var storedByteCount: Int {
        quantization.map { elementCount / $0.blockCount * $0.blockSize } ?? byteCount
    }

    package var elementCount: Int { byteCount / dtype.byteSize }
}

/// The product of a shape, or nil if a dimension is negative or the product exceeds Int.
func checkedCount(_ shape: [Int]) -> Int? {
    var count = 1
    for dimension in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
        guard dimension >= 0, !overflow else { return nil }
        count = product
    }
    return count
}
