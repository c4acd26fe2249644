import Glibc

/// Kinds of work, for the benchmark's breakdown.
package enum OperationKind: String, CaseIterable, Sendable {
    case convolution, linear, attention, normalization, other
}

/// Where networks run: kernels for this CPU, threads, the activations' memory. Driven by one thread at a time.
package final class Compute {
    package let kernels: Kernels
    package let pool: ThreadPool
    /// What products' operands are stored as.
    package let operands: Element
    /// Trades exactness for speed: 8-bit integers in the linear layers of transformer blocks, and Winograd's F(4×4) of
    /// bfloat16 products in convolutions of large maps.
    package let isCoarse: Bool
    package let arena: Arena
    /// Where weights are packed when they are used; nil if they are packed once, at loading.
    package let weights: WeightStore?
    /// Memory of all weights packed so far, whether they are still in use or not.
    package internal(set) var packedByteCount = 0
    /// Memory that the weights will take which are packed when they are used.
    package internal(set) var deferredByteCount = 0
    /// Seconds and floating point operations by kind since the last reset; nil unless somebody wants to know.
    package var profile: Profile?
    /// Every convolution and linear layer, also while the arena is only planned; nil unless somebody wants to know.
    package var products: ProductLog?
    /// Asked before every operation; true makes the operation throw `CancellationError`.
    package var isCancelled: () -> Bool = { Task.isCancelled }

    /// - Throws: `TensorError` if the kernels cannot multiply such operands
    package init(
        kernels: Kernels, threads: Int, operands: Element, isCoarse: Bool = false, packsOnUse: Bool = false
    ) throws {
        guard kernels.multiplies(operands) else {
            throw TensorError("this CPU cannot multiply bfloat16 numbers (AVX-512 BF16); use --precision f32")
        }
        guard !isCoarse || kernels.multiplies(.int8) else {
            throw TensorError("this CPU cannot multiply 8-bit integers (AVX-512 VNNI); use --precision f32")
        }
        self.kernels = kernels
        self.operands = operands
        self.isCoarse = isCoarse
        arena = Arena()
        weights = packsOnUse ? WeightStore() : nil
        pool = ThreadPool(threadCount: threads)
    }

    /// Float32 operands, which every CPU multiplies.
    package init(kernels: Kernels, threads: Int) {
        self.kernels = kernels
        operands = .float32
        isCoarse = false
        arena = Arena()
        weights = nil
        pool = ThreadPool(threadCount: threads)
    }

    /// The same threads and memory, with products of float32 operands: for a network that needs them.
    package func exact() -> Compute { Compute(sharing: self, operands: .float32, isCoarse: false, weights: weights) }

    /// The same threads and memory, for a network whose weights are packed when they are used.
    package func packing(into store: WeightStore) -> Compute {
        Compute(sharing: self, operands: operands, isCoarse: isCoarse, weights: store)
    }

    private init(sharing other: Compute, operands: Element, isCoarse: Bool, weights: WeightStore?) {
        kernels = other.kernels
        self.operands = operands
        self.isCoarse = isCoarse
        self.weights = weights
        pool = other.pool
        arena = other.arena
        isCancelled = { other.isCancelled() }
    }

    /// What the operands of linear layers in transformer blocks are stored as.
    package var blockOperands: Element { isCoarse ? .int8 : operands }

    /// A tensor in the arena; its values are undefined.
    package func tensor(
        _ batch: Int, _ height: Int, _ width: Int, _ channels: Int, _ element: Element = .float32
    ) throws -> Tensor {
        try arena.tensor(
            TensorShape(batch: batch, height: height, width: width, channels: channels, element: element))
    }

    /// What a result that only feeds a product is stored as. Rows of an odd number of channels stay float32: the
    /// operation that would write them knows no padding.
    func operandElement(channels: Int) -> Element { channels % 2 == 0 ? operands : .float32 }

    /// Runs one operation's tasks, unless the arena is only being planned: then there is made room for them.
    ///
    /// - Throws: `CancellationError` if the surrounding task was cancelled.
    func run<Context>(
        _ kind: OperationKind, tasks: Int, scratch: Int = 0, operations: Double = 0, _ context: Context,
        _ body: ThreadPool.Body
    ) throws {
        pool.reserveScratch(scratch)
        if arena.isPlanning { return }
        if isCancelled() { throw CancellationError() }
        guard profile != nil else { return pool.run(tasks, context, body) }
        let start = Self.seconds
        pool.run(tasks, context, body)
        profile?.add(kind, seconds: Self.seconds - start, operations: operations)
    }

    /// Seconds on a clock that only moves forward.
    package static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// Time and arithmetic by kind of operation.
package struct Profile: Sendable {
    package struct Entry: Sendable {
        package var calls = 0
        package var seconds = 0.0
        package var operations = 0.0
    }

    package private(set) var entries: [OperationKind: Entry] = [:]

    package init() {}

    mutating func add(_ kind: OperationKind, seconds: Double, operations: Double) {
        entries[kind, default: Entry()].calls += 1
        entries[kind, default: Entry()].seconds += seconds
        entries[kind, default: Entry()].operations += operations
    }
}
