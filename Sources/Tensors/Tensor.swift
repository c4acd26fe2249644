/// Values of shape [batch, height, width, channels], contiguous in memory.
///
/// Tokens are [batch, 1, tokens, channels], so a linear layer, a 1×1 convolution and attention see the same memory.
/// What flows from layer to layer is float32; what only feeds a product may be bfloat16. A tensor of an arena gives
/// its place back when it is released.
package final class Tensor {
    package let batch: Int
    package let height: Int
    package let width: Int
    package let channels: Int
    package let element: Element
    let raw: UnsafeMutableRawPointer
    /// Means and squared deviations of its channels over blocks of pixels, [batch, blocks, 2, channels], where the
    /// operation that made it left them for a norm.
    package internal(set) var statistics: Tensor?

    private let arena: Arena?
    private let block: Arena.Block
    private let memory: Memory?

    /// A tensor in the arena; its values are undefined.
    init(batch: Int, height: Int, width: Int, channels: Int, element: Element, arena: Arena) throws {
        (self.batch, self.height, self.width, self.channels) = (batch, height, width, channels)
        self.element = element
        self.arena = arena
        let bytes = batch * height * width * element.rowStride(channels) * element.byteSize
        let place = try arena.allocate((bytes + 3) / 4)
        (block, memory) = (place.0, place.2)
        raw = UnsafeMutableRawPointer(place.1)
    }

    /// A tensor with zeroed memory of its own, for what outlives a run: inputs and text keys and values.
    package init(batch: Int, height: Int, width: Int, channels: Int, element: Element = .float32) throws {
        (self.batch, self.height, self.width, self.channels) = (batch, height, width, channels)
        self.element = element
        arena = nil
        block = Arena.Block(offset: 0, count: 0)
        let own = try Memory(byteCount: batch * height * width * element.rowStride(channels) * element.byteSize)
        memory = own
        raw = own.base
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
        guard let first = parts.first,
            parts.allSatisfy({
                ($0.batch, $0.height, $0.width, $0.channels, $0.element)
                    == (first.batch, first.height, first.width, first.channels, first.element)
            })
        else { throw TensorError("tensors of different sizes do not make a batch") }
        try self.init(
            batch: parts.count * first.batch, height: first.height, width: first.width, channels: first.channels,
            element: first.element)
        for (index, part) in parts.enumerated() {
            (raw + index * first.byteCount).copyMemory(from: part.raw, byteCount: part.byteCount)
        }
    }

    /// Tensors of one size side by side in the channels, float32, in memory of its own.
    package convenience init(joiningChannels parts: [Tensor]) throws {
        guard let first = parts.first,
            parts.allSatisfy({
                ($0.batch, $0.height, $0.width, $0.element) == (first.batch, first.height, first.width, .float32)
            })
        else { throw TensorError("tensors of different sizes cannot be laid side by side") }
        try self.init(
            batch: first.batch, height: first.height, width: first.width,
            channels: parts.reduce(0) { $0 + $1.channels })
        var offset = 0
        for part in parts {
            for row in 0..<rows {
                (pointer + row * channels + offset).update(from: part.pointer + row * part.channels, count: part.channels)
            }
            offset += part.channels
        }
    }

    /// Pictures of a batch in another order, float32, in memory of its own; nil is a picture of zeros.
    package convenience init(rows: [Int?], of source: Tensor) throws {
        try self.init(batch: rows.count, height: source.height, width: source.width, channels: source.channels)
        let size = source.count / source.batch
        for (index, row) in rows.enumerated() {
            guard let row else { continue }
            precondition((0..<source.batch).contains(row))
            (pointer + index * size).update(from: source.pointer + row * size, count: size)
        }
    }

    deinit { arena?.release(block) }

    /// The same values in memory of their own, to outlive the arena.
    package func copy() throws -> Tensor {
        let copy = try Tensor(batch: batch, height: height, width: width, channels: channels, element: element)
        // While the arena is planned there is nothing behind a tensor.
        if arena?.isPlanning != true { copy.raw.copyMemory(from: raw, byteCount: byteCount) }
        return copy
    }

    /// One picture of the batch, in memory of its own.
    package func picture(_ index: Int) throws -> Tensor {
        precondition((0..<batch).contains(index))
        let copy = try Tensor(batch: 1, height: height, width: width, channels: channels, element: element)
        copy.raw.copyMemory(from: raw + index * copy.byteCount, byteCount: copy.byteCount)
        return copy
    }

    /// The values, if they are float32.
    package var pointer: UnsafeMutablePointer<Float> {
        assert(element == .float32)
        return raw.assumingMemoryBound(to: Float.self)
    }
    package var count: Int { batch * height * width * channels }
    var byteCount: Int { rows * element.rowStride(channels) * element.byteSize }
    /// Pixels or tokens of one picture.
    package var pixels: Int { height * width }
    /// Rows of channels.
    package var rows: Int { batch * height * width }
    package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    package var buffer: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}
