import CKernels

/// What a tensor's values, or a product's operands, are stored as. Sums are float32 in either case.
package enum Element: Sendable {
    case float32
    /// The upper half of a float32. Rows are padded to an even number of values: two make a unit of a product.
    case bfloat16
    /// Steps of a scale that every row has for itself, of linear layers' operands alone. Rows are padded to whole
    /// tiles.
    case int8

    var code: limn_element {
        switch self {
        case .float32: LIMN_F32
        case .bfloat16: LIMN_BF16
        case .int8: LIMN_INT8
        }
    }

    var byteSize: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        case .int8: 1
        }
    }

    /// Values from one row of channels to the next.
    func rowStride(_ channels: Int) -> Int {
        let multiple =
            switch self {
            case .float32: 1
            case .bfloat16: 2
            case .int8: Int(LIMN_INT8_ROW)
            }
        return (channels + multiple - 1) / multiple * multiple
    }
}
