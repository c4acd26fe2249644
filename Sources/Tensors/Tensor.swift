/// Float32 values of shape [batch, height, width, channels], contiguous in memory.
///
/// Tokens are [batch, 1, tokens, channels], so a linear layer, a 1×1 convolution and attention see the same memory.
/// A tensor of an arena gives its place back when it is released.
package final class Tensor {
    package let batch: Int
    package let height: Int
    package let width: Int
    package let channels: Int
    package let pointer: UnsafeMutablePointer<Float>

    private let arena: Arena?
    private let block: Arena.Block
    private let memory: Memory?

    /// A tensor in the arena; its values are undefined.
    init(batch: Int, height: Int, width: Int, channels: Int, arena: Arena) throws {
        (self.batch, self.height, self.width, self.channels) = (batch, height, width, channels)
        self.arena = arena
        (block, pointer, memory) = try arena.allocate(batch * height * width * channels)
    }

    /// A tensor with zeroed memory of its own, for what outlives a run: inputs and text keys and values.
    package init(batch: Int, height: Int, width: Int, channels: Int) throws {
        (self.batch, self.height, self.width, self.channels) = (batch, height, width, channels)
        arena = nil
        block = Arena.Block(offset: 0, count: 0)
        let own = try Memory(byteCount: batch * height * width * channels * MemoryLayout<Float>.stride)
        memory = own
        pointer = own.floats
    }

    /// A tensor with memory of its own, filled from values in memory order.
    package convenience init(batch: Int, height: Int, width: Int, channels: Int, values: [Float]) throws {
        try self.init(batch: batch, height: height, width: width, channels: channels)
        guard values.count == count else {
            throw TensorError("\(values.count) values do not fill a tensor of \(count)")
        }
        pointer.update(from: values, count: count)
    }

    /// Tensors of one size as a batch, in memory of its own.
    package convenience init(stacking parts: [Tensor]) throws {
        func shape(_ t: Tensor) -> [Int] { [t.batch, t.height, t.width, t.channels] }
        guard let first = parts.first, parts.allSatisfy({ shape($0) == shape(first) })
        else { throw TensorError("tensors of different sizes do not make a batch") }
        try self.init(
            batch: parts.reduce(0) { $0 + $1.batch }, height: first.height, width: first.width,
            channels: first.channels)
        for (index, part) in parts.enumerated() {
            (pointer + index * first.count).update(from: part.pointer, count: part.count)
        }
    }

    deinit { arena?.release(block) }

    /// The same values in memory of their own, to outlive the arena.
    package func copy() throws -> Tensor {
        let copy = try Tensor(batch: batch, height: height, width: width, channels: channels)
        copy.pointer.update(from: pointer, count: count)
        return copy
    }

    package var count: Int { batch * height * width * channels }
    /// Pixels or tokens of one picture.
    package var pixels: Int { height * width }
    /// Rows of channels.
    package var rows: Int { batch * height * width }
    package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    package var buffer: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}
