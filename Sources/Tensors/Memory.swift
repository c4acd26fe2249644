import Glibc

/// A block of zeroed memory straight from the system, in huge pages where it gives them: at gigabytes of weights
/// the page tables of small pages cost several per cent.
package final class Memory: @unchecked Sendable {
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    /// - Throws: `TensorError` if the system does not have the memory.
    package init(byteCount: Int) throws {
        let size = max(byteCount, 1)
        // The system would grant more than it has, and kill the process when it is used.
        if size > 256 << 20, let available = SystemMemory.available, size > available {
            throw TensorError(
                "\(size >> 20) MiB of memory are needed, but \(available >> 20) MiB are left; "
                    + "use a smaller picture or a smaller model")
        }
        let flags = Int32(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
            let amount = size >= 1 << 20 ? "\(size >> 20) MiB" : "\(max(1, size >> 10)) KiB"
            throw TensorError(
                "out of memory: could not allocate \(amount); try --low-memory, a smaller picture or a smaller model")
        }
        if size >= 4 << 20 { madvise(memory, size, Int32(MADV_HUGEPAGE)) }
        base = memory
        self.byteCount = size
    }

    deinit { munmap(base, byteCount) }

    package var floats: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }
}
