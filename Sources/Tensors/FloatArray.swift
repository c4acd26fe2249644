/// Parameters that are used as they are (a norm's weight or bias, an embedding table), at a fixed address.
package final class FloatArray: @unchecked Sendable {
    // Written only by `init`.
    private let storage: UnsafeMutableBufferPointer<Float>

    package init(_ values: [Float]) {
        storage = .allocate(capacity: values.count)
        _ = storage.initialize(from: values)
    }

    deinit { storage.deallocate() }

    package var count: Int { storage.count }
    package func withValues<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try body(UnsafeBufferPointer(storage))
    }
    var pointer: UnsafePointer<Float>? { storage.baseAddress.map { UnsafePointer($0) } }
}
