import Synchronization

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
    let block = try scratchBlock(count, path: path, tensor: tensor)
    defer { Scratch.giveBack(block) }
    return try body(
        UnsafeMutableBufferPointer(start: block.memory.bindMemory(to: Float.self, capacity: count), count: count))
}

func scratchBlock(_ count: Int, path: String, tensor: String) throws -> Scratch.Block {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 4)
    let rounded = bytes.addingReportingOverflow(64)
    guard count >= 0, !overflow, !rounded.overflow, let block = Scratch.take(rounded.partialValue) else {
        throw CheckpointError(
            path: path, tensor: tensor,
            problem: "there is not enough memory for its \(count) float32 values")
    }
    return block
}

func scratchBytes(_ count: Int, path: String, tensor: String) throws -> Scratch.Block {
    guard let block = Scratch.take(max(count, 1)) else {
        throw CheckpointError(
            path: path, tensor: tensor, problem: "there is not enough memory for its \(count) bytes")
    }
    return block
}

/// The last scratch memory is kept for the next tensor: a gigabyte of fresh pages, which the system clears, takes
/// longer than converting what is written into them.
enum Scratch {
    struct Block: @unchecked Sendable {
        let memory: UnsafeMutableRawPointer
        let byteCount: Int
    }

    private static let spare = Mutex<Block?>(nil)

    /// Gives the memory that is kept back to the system.
    static func release() {
        let block = spare.withLock { spare in
            defer { spare = nil }
            return spare
        }
        if let block { free(block.memory) }
    }

    static func take(_ byteCount: Int) -> Block? {
        let kept = spare.withLock { spare -> Block? in
            guard let block = spare, block.byteCount >= byteCount else { return nil }
            spare = nil
            return block
        }
        if let kept { return kept }
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, byteCount) == 0, let memory else { return nil }
        return Block(memory: memory, byteCount: byteCount)
    }

    /// Keeps the larger of two blocks.
    static func giveBack(_ block: Block) {
        let smaller = spare.withLock { spare -> Block? in
            guard let other = spare else {
                spare = block
                return nil
            }
            guard other.byteCount < block.byteCount else { return block }
            spare = block
            return other
        }
        if let smaller { free(smaller.memory) }
    }
}
