import Checkpoints

/// Counts the bytes that were written, over several files.
struct ConversionTracker {
    private final class Count {
        var bytes = 0
    }

    private let total: Int
    private let count = Count()
    private let progress: (Conversion.Progress) throws -> Void

    init(total: Int, _ progress: @escaping (Conversion.Progress) throws -> Void) {
        (self.total, self.progress) = (total, progress)
    }

    /// The same tensors; each says when it is written.
    func tracked(_ tensors: [TensorCopy]) -> [any WritableTensor] {
        tensors.map { tensor in
            Tracked(tensor: tensor) {
                count.bytes += tensor.byteCount
                try progress(Conversion.Progress(bytes: count.bytes, ofBytes: total))
            }
        }
    }

    private struct Tracked: WritableTensor {
        let tensor: TensorCopy
        let done: () throws -> Void

        var name: String { tensor.name }
        var dtype: DType { tensor.dtype }
        var shape: [Int] { tensor.shape }
        var byteCount: Int { tensor.byteCount }

        func write(to sink: FileSink) throws {
            try tensor.write(to: sink)
            try done()
        }
    }
}
