import CKernels

/// A tensor where its file has it, in the form that it has there: nothing is copied or converted until it is used.
/// Values of other types than the three below are float32 in memory of their own.
package struct StoredTensor: Sendable {
    package enum Format: Sendable { case float32, float16, bfloat16 }

    package let format: Format
    package let count: Int
    /// The first value, at any alignment; valid for as long as this tensor or a copy of it lives.
    nonisolated(unsafe) package let address: UnsafeRawPointer
    private let owner: any BytesOwner
    private let bytes: Range<Int>

    /// - Precondition: `bytes` of the owner's memory hold `count` values of `format`.
    init(_ format: Format, count: Int, owner: any BytesOwner, bytes: Range<Int>) {
        (self.format, self.count, self.owner, self.bytes) = (format, count, owner, bytes)
        address = owner.start.map { $0 + bytes.lowerBound } ?? Self.nothing
    }

    // Where an empty tensor lies.
    private nonisolated(unsafe) static let nothing = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64))

    /// A run of the values, where they lie.
    subscript(values: Range<Int>) -> StoredTensor {
        let size = format == .float32 ? 4 : 2
        return StoredTensor(
            format, count: values.count, owner: owner,
            bytes: bytes.lowerBound + size * values.lowerBound..<bytes.lowerBound + size * values.upperBound)
    }

    /// Whether the values lie in a file, and take no memory when they are not in use.
    package var isMapped: Bool { owner is MappedFile }

    /// The values of a tensor of aligned float32, valid only within `body`.
    func withFloats<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try withExtendedLifetime(owner) {
            try body(UnsafeBufferPointer(start: address.assumingMemoryBound(to: Float.self), count: count))
        }
    }

    /// The same values in memory of their own, in the form that they have.
    ///
    /// - Parameter path: the file's, for messages
    package func copied(path: String) throws -> StoredTensor {
        guard let block = Scratch.take(max(bytes.count, 1)) else {
            throw CheckpointError(path: path, problem: "there is not enough memory for \(bytes.count) bytes")
        }
        block.memory.copyMemory(from: address, byteCount: bytes.count)
        release()
        return StoredTensor(format, count: count, owner: OwnedScratch(block), bytes: 0..<bytes.count)
    }

    /// Tells the system that these values will not be wanted soon.
    package func release() {
        // Small tensors share their pages with others.
        if bytes.count > 1 << 16 { owner.release(bytes) }
    }
}

/// Memory that lasts as long as somebody holds on to its owner.
protocol BytesOwner: AnyObject, Sendable {
    var start: UnsafeRawPointer? { get }
    func release(_ range: Range<Int>)
}

extension MappedFile: BytesOwner {}

/// Scratch memory that goes back when nobody needs it any more.
final class OwnedScratch: BytesOwner {
    private let block: Scratch.Block

    init(_ block: Scratch.Block) { self.block = block }
    deinit { Scratch.giveBack(block) }

    var start: UnsafeRawPointer? { UnsafeRawPointer(block.memory) }
    func release(_ range: Range<Int>) {}
}

extension TensorSource {
    /// The values in memory of their own, for sources and types that cannot be used in place.
    func converted(_ info: TensorInfo) throws -> StoredTensor {
        try StoredTensor.filling(info.elementCount, path: path, tensor: info.name) { floats in
            try withBytes(of: info.name) { Conversion.convert($0, info.dtype, into: floats) }
        }
    }

    package func stored(_ name: String) throws -> StoredTensor { try converted(try info(name)) }
}

extension StoredTensor {
    /// Float32 values in memory of their own, written by `body`.
    static func filling(
        _ count: Int, path: String, tensor: String, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> StoredTensor {
        let owner = OwnedScratch(try scratchBlock(count, path: path, tensor: tensor))
        let floats = UnsafeMutableRawPointer(mutating: owner.start)?.bindMemory(to: Float.self, capacity: count)
        try body(UnsafeMutableBufferPointer(start: floats, count: count))
        return StoredTensor(.float32, count: count, owner: owner, bytes: 0..<4 * count)
    }
}

extension DType {
    /// The form that needs no conversion before packing; nil for the other types.
    var storedFormat: StoredTensor.Format? {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        default: nil
        }
    }
}
