import CKernels

/// Values as a checkpoint stores them, at an address that stays valid for as long as this is held.
package protocol StoredValues: Sendable {
    var address: UnsafeRawPointer { get }
    var storedFormat: StoredFormat { get }
    var count: Int { get }
    /// Whether they lie in a mapped file, from which they can be read again and again.
    var isMapped: Bool { get }
    /// Lets go of the memory that a mapped file's pages take.
    func release()
}

/// What stored values are.
package enum StoredFormat: Sendable {
    case float32, float16, bfloat16

    var code: limn_stored {
        switch self {
        case .float32: LIMN_STORED_F32
        case .float16: LIMN_STORED_F16
        case .bfloat16: LIMN_STORED_BF16
        }
    }
}

extension StoredValues {
    /// Values `range`, converted to float32.
    package func copy(_ range: Range<Int>, to floats: UnsafeMutablePointer<Float>) {
        let size = storedFormat == .float32 ? 4 : 2
        limn_stored_to_f32(
            limn_kernels_best(), storedFormat.code, address + range.lowerBound * size, range.count, floats)
    }
}

/// Float32 values in memory that somebody else looks after.
struct BorrowedFloats: StoredValues, @unchecked Sendable {
    let base: UnsafePointer<Float>
    let count: Int

    var address: UnsafeRawPointer { UnsafeRawPointer(base) }
    var storedFormat: StoredFormat { .float32 }
    var isMapped: Bool { false }
    func release() {}
}
