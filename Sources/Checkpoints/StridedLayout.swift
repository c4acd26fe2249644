/// Where a tensor's values lie in a file: the first one's byte, and the steps from one to the next in each dimension.
struct StridedLayout {
    /// Values that may be asked for of a storage that has fewer, as `expand` makes them: each is a copy in memory.
    static let repetitionLimit = 1 << 24

    /// Values in all.
    let count: Int
    /// Bytes a value.
    let size: Int
    /// The bytes of values that lie one after the other; nil for others.
    let contiguous: Range<Int>?
    private let first: Int
    private let shape: [Int]
    /// In bytes.
    private let strides: [Int]

    /// - Parameter record: the storage's bytes in the file
    /// - Throws: `CheckpointError` if the tensor reaches out of its storage, or the storage out of its bytes
    init(_ tensor: PickledTensor, in record: Range<Int>, path: String, name: String) throws {
        func failure(_ problem: String) -> CheckpointError {
            CheckpointError(path: path, tensor: name, problem: problem + "; the file is damaged, download it again")
        }
        let storage = tensor.storage
        let size = tensor.dtype.byteSize
        let (total, overflow) = storage.total.multipliedReportingOverflow(by: storage.dtype.byteSize)
        guard !overflow, total <= record.count else {
            throw failure("its storage should have \(storage.total) values, but the file has fewer")
        }
        guard tensor.shape.count <= PickleMachine.rankLimit, tensor.strides.count == tensor.shape.count,
            let count = checkedCount(tensor.shape), count <= Int.max / 8
        else { throw failure("its shape \(tensor.shape) is impossible") }
        guard tensor.offset >= 0, tensor.strides.allSatisfy({ $0 >= 0 }) else {
            throw failure("its values lie before its storage's first")
        }
        (self.count, self.size, shape) = (count, size, tensor.shape)
        guard count > 0 else {
            (contiguous, first, strides) = (record.lowerBound..<record.lowerBound, 0, [])
            return
        }
        // The last value's place among the storage's, counted in the tensor's own values.
        var last = tensor.offset
        var isOutside = false
        for (extent, stride) in zip(tensor.shape, tensor.strides) {
            let (way, first) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, second) = last.addingReportingOverflow(way)
            (last, isOutside) = (sum, isOutside || first || second)
        }
        let available = storage.view.count * storage.dtype.byteSize / size
        guard !isOutside, last < available else {
            throw failure("it reaches beyond its storage, which has \(available) values")
        }
        guard count <= max(available, Self.repetitionLimit) else {
            throw failure("it repeats the \(available) values of its storage to \(count)")
        }
        first = record.lowerBound + storage.view.lowerBound * storage.dtype.byteSize + tensor.offset * size
        // The step of a single value is never taken, and may be anything.
        strides = zip(tensor.shape, tensor.strides).map { $0 == 1 ? 0 : $1 * size }

        var expected = 1
        var isContiguous = true
        for (extent, stride) in zip(tensor.shape, tensor.strides).reversed() where extent != 1 {
            isContiguous = isContiguous && stride == expected
            expected *= extent
        }
        contiguous = isContiguous ? first..<first + count * size : nil
    }

    /// Writes the values in order.
    func copy(_ file: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) {
        switch size {
        case 1: copy(file, to: memory, as: UInt8.self)
        case 2: copy(file, to: memory, as: UInt16.self)
        case 4: copy(file, to: memory, as: UInt32.self)
        default: copy(file, to: memory, as: UInt64.self)
        }
    }

    private func copy<Value: FixedWidthInteger>(
        _ file: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer, as _: Value.Type
    ) {
        guard count > 0 else { return }
        var position = first
        var index = [Int](repeating: 0, count: shape.count)
        let (length, stride) = (shape.last ?? 1, strides.last ?? 0)
        for row in Swift.stride(from: 0, to: count, by: length) {
            for column in 0..<length {
                memory.storeBytes(
                    of: file.loadUnaligned(fromByteOffset: position + column * stride, as: Value.self),
                    toByteOffset: (row + column) * size, as: Value.self)
            }
            // On to the next row, as a counter does.
            for dimension in shape.indices.dropLast().reversed() {
                index[dimension] += 1
                position += strides[dimension]
                if index[dimension] < shape[dimension] { break }
                position -= index[dimension] * strides[dimension]
                index[dimension] = 0
            }
        }
    }
}
