#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Memory for `count` floats, 64-byte aligned, for the time of `body`. Sizes come from files and configs, and
/// Swift's own arrays trap when memory runs out, so it is asked of the system and a refusal is an error.
func withScratch<R>(
    _ count: Int, path: String, tensor: String, _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
) throws -> R {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 4)
    let rounded = bytes.addingReportingOverflow(64)
    var memory: UnsafeMutableRawPointer?
    guard count >= 0, !overflow, !rounded.overflow,
        posix_memalign(&memory, 64, rounded.partialValue) == 0, let memory
    else {
        throw CheckpointError(
            path: path, tensor: tensor,
            problem: "there is not enough memory for its \(count) float32 values")
    }
    defer { free(memory) }
    return try body(
        UnsafeMutableBufferPointer(start: memory.bindMemory(to: Float.self, capacity: count), count: count))
}
