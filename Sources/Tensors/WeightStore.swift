/// Packed weights that are made when they are used: within a budget they stay, beyond it they are packed anew for
/// every use, into memory that all of them share. What is packed are the same bits either way.
package final class WeightStore {
    /// Bytes of packed weights that may stay; set before they are used.
    package var budget = 0
    /// Bytes of packed weights that stay.
    package private(set) var keptBytes = 0
    /// Bytes that those which do not stay take turns in.
    package var sharedBytes: Int { shared?.byteCount ?? 0 }

    private var kept: [ObjectIdentifier: Memory] = [:]
    private var shared: Memory?

    package init(budget: Int = 0) { self.budget = budget }

    /// Forgets all packed weights: those of one network are of no use to the next.
    package func removeAll() {
        kept.removeAll(keepingCapacity: true)
        keptBytes = 0
        shared = nil
    }

    /// Room for one weight while nothing but a plan is made.
    func reserve(_ byteCount: Int) throws {
        // Where everything stays, nothing is shared.
        if byteCount > sharedBytes, budget < .max { shared = try Memory(byteCount: byteCount) }
    }

    /// - Parameter pack: writes the packed weight to the memory that it is given
    func packed(
        _ owner: ObjectIdentifier, byteCount: Int, _ pack: (UnsafeMutableRawPointer) -> Void
    ) throws -> UnsafeRawPointer {
        if let memory = kept[owner] { return UnsafeRawPointer(memory.base) }
        if keptBytes + byteCount <= budget {
            let memory = try Memory(byteCount: byteCount)
            pack(memory.base)
            kept[owner] = memory
            keptBytes += byteCount
            return UnsafeRawPointer(memory.base)
        }
        try reserve(byteCount)
        guard let shared else { throw TensorError("there is no memory to pack weights into") }
        pack(shared.base)
        return UnsafeRawPointer(shared.base)
    }
}
