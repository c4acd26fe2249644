import CKernels

/// What a tensor's values, or a product's operands, are stored as. Sums are float32 in either case.
package enum Element: Sendable {
    case float32
    /// The upper half of a float32. Rows are padded to an even number of values: two make a unit of a product.
    case bfloat16

    var code: limn_element { self == .float32 ? LIMN_F32 : LIMN_BF16 }
    var byteSize: Int { self == .float32 ? 4 : 2 }

    /// Values from one row of channels to the next.
    func rowStride(_ channels: Int) -> Int { self == .float32 ? channels : (channels + 1) / 2 * 2 }
}
