/// Values of shape [batch, height, width, channels], contiguous in memory.
///
/// Tokens are [batch, 1, tokens, channels], so a linear layer, a 1×1 convolution and attention see the same memory.
/// What flows from layer to layer is float32; what only feeds a product may be bfloat16. A tensor of an arena gives
/// its place back when it is released.
package final class Tensor {
    private var shape: TensorShape
    private(set) var raw: UnsafeMutableRawPointer
    /// Means and squared deviations of its channels over blocks of pixels, [batch, blocks, 2, channels], where the
    /// operation that made it left them for a norm.
    package internal(set) var statistics: Tensor?
    /// What `raw` lies in.
    private var memory: Memory?
    /// Its place in the arena that made it.
    private(set) var block = Arena.Block(offset: 0, count: 0)

    package var batch: Int { shape.batch }
    package var height: Int { shape.height }
    package var width: Int { shape.width }
    package var channels: Int { shape.channels }
    package var element: Element { shape.element }

    /// A tensor without values, for the arena.
    init() {
        shape = TensorShape(batch: 0, height: 0, width: 0, channels: 0, element: .float32)
        raw = UnsafeMutableRawPointer(Arena.nowhere)
    }

    /// Stands for other values from now on.
    func occupy(_ block: Arena.Block, at base: UnsafeMutablePointer<Float>, of memory: Memory?, _ shape: TensorShape) {
        (self.block, self.memory, self.shape) = (block, memory, shape)
        raw = UnsafeMutableRawPointer(base)
    }

    /// Lets go of all that it held.
    func leave() { (memory, statistics) = (nil, nil) }

    /// A tensor with zeroed memory of its own.
    init(_ shape: TensorShape) throws {
        self.shape = shape
        let own = try Memory(byteCount: shape.byteCount)
        memory = own
        raw = own.base
    }

    /// A tensor with zeroed memory of its own, for what outlives a run: inputs and text keys and values.
    package convenience init(
        batch: Int, height: Int, width: Int, channels: Int, element: Element = .float32
    ) throws {
        try self.init(
            TensorShape(batch: batch, height: height, width: width, channels: channels, element: element))
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
            parts.allSatisfy({ $0.shape == first.shape })
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
                (pointer + row * channels + offset).update(
                    from: part.pointer + row * part.channels, count: part.channels)
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

    /// The same values in memory of their own, to outlive the arena.
    package func copy() throws -> Tensor {
        let copy = try Tensor(batch: batch, height: height, width: width, channels: channels, element: element)
        // While the arena is planned there is nothing behind a tensor.
        if raw != UnsafeMutableRawPointer(Arena.nowhere) { copy.raw.copyMemory(from: raw, byteCount: byteCount) }
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
    var byteCount: Int { shape.byteCount }
    /// Pixels or tokens of one picture.
    package var pixels: Int { height * width }
    /// Rows of channels.
    package var rows: Int { batch * height * width }
    package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    package var buffer: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}

/// What a tensor holds.
struct TensorShape: Equatable {
    var batch: Int
    var height: Int
    var width: Int
    var channels: Int
    var element: Element

    var byteCount: Int { batch * height * width * element.rowStride(channels) * element.byteSize }
}
