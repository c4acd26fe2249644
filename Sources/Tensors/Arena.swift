/// The memory of activations: one block, laid out by lifetime before the first step.
///
/// A network is run twice over the same shapes: first in planning mode, in which tensors get offsets but no memory
/// and operations compute nothing, then for real. Allocation is first-fit over offsets and depends only on the order
/// of requests, so the second run finds every tensor where the plan put it, and the peak is known in advance. After
/// that a step allocates nothing: the arena keeps the tensors that it makes, and when nobody else holds one any more,
/// its place is free and the object stands for the next tensor.
package final class Arena {
    struct Block {
        var offset: Int
        var count: Int
    }

    package private(set) var isPlanning = false
    /// Floats in the block; the largest plan so far.
    package private(set) var capacity = 0
    /// Tensors that found no room in the planned block and took memory of their own: 0 unless a network was run
    /// without a plan.
    package private(set) var unplannedCount = 0

    private var memory: Memory?
    private var free: [Block] = []
    /// Tensors that are in use, or were so when they were last looked after.
    private var lent: [Tensor] = []
    private var idle: [Tensor] = []
    private var peak = 0

    // Cache lines, and an odd stride between power-of-two sized tensors is not needed: channels differ.
    private static let granule = 16

    package init() {
        free.reserveCapacity(256)
        lent.reserveCapacity(256)
        idle.reserveCapacity(256)
        reset()
    }

    /// Runs `body` without computing, and makes room for all that it allocates.
    ///
    /// - Throws: `TensorError` if a tensor of this arena is still alive, for the plan would give its place away; what
    ///   `body` throws; or that there is not enough memory
    package func plan(_ body: () throws -> Void) throws {
        takeBack()
        guard lent.isEmpty else { throw TensorError("\(lent.count) tensors of the last run are still in use") }
        isPlanning = true
        reset()
        do {
            defer { isPlanning = false }
            try body()
        } catch {
            reset()
            throw error
        }
        reset()
        if peak > capacity {
            releaseMemory()
            memory = try Memory(byteCount: peak * MemoryLayout<Float>.stride)
            capacity = peak
        }
    }

    /// Gives the memory back to the system; the next plan takes it again.
    package func releaseMemory() {
        takeBack()
        guard lent.isEmpty else { return }
        memory = nil
        capacity = 0
    }

    private func reset() {
        takeBack()
        // One that is still held belongs to its holder alone from now on.
        lent.removeAll(keepingCapacity: true)
        free.removeAll(keepingCapacity: true)
        free.append(Block(offset: 0, count: Int.max / 8))
        if isPlanning { peak = 0 }
    }

    /// A tensor whose values are undefined.
    func tensor(_ shape: TensorShape) throws -> Tensor {
        takeBack()
        let count = (shape.byteCount + 3) / 4
        let rounded = max(1, (count + Self.granule - 1) / Self.granule) * Self.granule
        let index = free.firstIndex { $0.count >= rounded } ?? free.count - 1
        let block = Block(offset: free[index].offset, count: rounded)
        if !isPlanning, block.offset + rounded > capacity {
            unplannedCount += 1
            return try Tensor(shape)
        }
        free[index].offset += rounded
        free[index].count -= rounded
        if free[index].count == 0 { free.remove(at: index) }
        peak = max(peak, block.offset + rounded)
        let base = isPlanning ? Self.nowhere : (memory?.floats ?? Self.nowhere) + block.offset
        let tensor = idle.popLast() ?? Tensor()
        tensor.occupy(block, at: base, of: memory, shape)
        lent.append(tensor)
        return tensor
    }

    /// Frees the places of tensors that nobody holds any more.
    private func takeBack() {
        var index = 0
        while index < lent.count {
            guard isKnownUniquelyReferenced(&lent[index]) else {
                index += 1
                continue
            }
            lent.swapAt(index, lent.count - 1)
            let tensor = lent.removeLast()
            release(tensor.block)
            tensor.leave()
            idle.append(tensor)
            // What it held may be free now too.
            index = 0
        }
    }

    private func release(_ block: Block) {
        let next = free.firstIndex { $0.offset > block.offset } ?? free.count
        let joinsNext = next < free.count && free[next].offset == block.offset + block.count
        let joinsPrevious = next > 0 && free[next - 1].offset + free[next - 1].count == block.offset
        switch (joinsPrevious, joinsNext) {
        case (true, true):
            free[next - 1].count += block.count + free[next].count
            free.remove(at: next)
        case (true, false):
            free[next - 1].count += block.count
        case (false, true):
            free[next].offset = block.offset
            free[next].count += block.count
        case (false, false):
            free.insert(block, at: next)
        }
    }

    /// Where tensors lie while planning: never read or written.
    nonisolated(unsafe) static let nowhere = UnsafeMutablePointer<Float>.allocate(capacity: 1)
}
