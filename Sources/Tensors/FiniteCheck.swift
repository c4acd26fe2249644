import CKernels
import Synchronization

extension Compute {
    /// Whether none of the values is infinite or no number. They are looked at by all threads.
    package func isFinite(_ values: any StoredValues) -> Bool {
        let check = FiniteCheck(values)
        pool.run((values.count + FiniteCheck.piece - 1) / FiniteCheck.piece, Unmanaged.passUnretained(check)) {
            context, task, _ in
            context.assumingMemoryBound(to: Unmanaged<FiniteCheck>.self).pointee.takeUnretainedValue().look(task)
        }
        return withExtendedLifetime(check) { !$0.hasFound.load(ordering: .relaxed) }
    }
}

private final class FiniteCheck: Sendable {
    /// Values a task; small enough to stay in a core's cache until they are packed.
    static let piece = 1 << 16

    let hasFound = Atomic<Bool>(false)
    private let values: any StoredValues

    init(_ values: any StoredValues) { self.values = values }

    func look(_ task: Int) {
        let first = task * Self.piece
        let count = min(Self.piece, values.count - first)
        let size = values.storedFormat == .float32 ? 4 : 2
        if !limn_stored_is_finite(values.storedFormat.code, values.address + first * size, count) {
            hasFound.store(true, ordering: .relaxed)
        }
    }
}
