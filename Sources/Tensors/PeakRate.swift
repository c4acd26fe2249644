import CKernels

extension Compute {
    /// Floating point operations a second of all threads together, in products so small that they stay in the
    /// first or second level of the cache: as near to a loop of nothing but multiply-adds as these kernels come. The best of several
    /// shapes; what other products reach is told as a share of it.
    package func peakRate() throws -> Double {
        var best = 0.0
        for depth in [64, 128, 256, 512, 1536] {
            for rows in [24, 48, 96, 256] {
                let product = try CachedProduct(rows: rows, depth: depth, self)
                if isCancelled() { throw CancellationError() }
                let repeats = product.worthwhileRepeats(self)
                for _ in 0..<3 { best = max(best, product.rate(repeats: repeats, self)) }
            }
        }
        return best
    }
}

/// The same small product over and over, on every thread with operands of its own.
private struct CachedProduct {
    private static let columns = 64
    /// How long a measurement takes: many times what waking the threads takes, and all of them a tenth of a second.
    private static let seconds = 0.002

    private let weights: [PackedWeights]
    private let packed: [UnsafeRawPointer?]
    private let inputs: [Tensor]
    private let outputs: [Tensor]
    /// Of one thread's product.
    private let operations: Double

    init(rows: Int, depth: Int, _ compute: Compute) throws {
        var state: UInt32 = 1
        func values(_ count: Int) -> [Float] {
            (0..<count).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Float(state >> 8) / Float(1 << 23) - 1
            }
        }
        let threads = 0..<compute.pool.threadCount
        weights = try threads.map { _ in
            try values(depth * Self.columns).withUnsafeBufferPointer {
                try PackedWeights(
                    weight: $0, bias: nil, inChannels: depth, outChannels: Self.columns, compute: compute)
            }
        }
        packed = try weights.map { try $0.packed(compute) }
        inputs = try threads.map { _ in
            let floats = try Tensor(batch: 1, height: 1, width: rows, channels: depth, values: values(rows * depth))
            guard compute.operands == .bfloat16 else { return floats }
            let halves = try Tensor(batch: 1, height: 1, width: rows, channels: depth, element: .bfloat16)
            limn_rows_to_bf16(
                compute.kernels.table, floats.pointer, depth, nil, 0, 0, rows,
                halves.raw.assumingMemoryBound(to: UInt16.self))
            return halves
        }
        outputs = try threads.map { _ in try Tensor(batch: 1, height: 1, width: rows, channels: Self.columns) }
        operations = 2 * Double(rows * depth * Self.columns)
    }

    /// A short run tells how many products take as long as is worth measuring.
    func worthwhileRepeats(_ compute: Compute) -> Int {
        let each = operations * Double(outputs.count) / rate(repeats: 50, compute)
        return Int(min(max(Self.seconds / each, 1), 1e6))
    }

    private func product(_ thread: Int) -> limn_convolution {
        let (input, output) = (inputs[thread], outputs[thread])
        var c = limn_convolution()
        c.spread = 1
        c.element = input.element.code
        c.source.0 = UnsafeRawPointer(input.raw)
        c.channels.0 = input.channels
        (c.batch, c.in_height, c.in_width) = (1, 1, input.width)
        (c.resized_height, c.resized_width, c.out_height, c.out_width) = (1, input.width, 1, input.width)
        (c.kernel_height, c.kernel_width, c.stride) = (1, 1, 1)
        (c.out_channels, c.weights) = (output.channels, packed[thread])
        (c.activation, c.output_element, c.output) = (LIMN_ACTIVATION_NONE, LIMN_F32, output.raw)
        return c
    }

    /// Operations a second of all threads together.
    func rate(repeats: Int, _ compute: Compute) -> Double {
        let table = compute.kernels.table
        var products = outputs.indices.map(product)
        defer { withExtendedLifetime(self) {} }
        compute.pool.reserveScratch(limn_convolution_scratch(table, &products[0]))
        return products.withUnsafeMutableBufferPointer { products in
            guard let base = products.baseAddress else { return 0 }
            let tasks = limn_convolution_tasks(table, base)
            let job = CachedProductJob(table: table, products: UnsafePointer(base), tasks: tasks, repeats: repeats)
            let start = Compute.seconds
            compute.pool.run(products.count, job) { context, thread, scratch in
                let job = context.load(as: CachedProductJob.self)
                for _ in 0..<job.repeats {
                    for task in 0..<job.tasks {
                        limn_convolution_task(job.table, job.products + thread, task, scratch)
                    }
                }
            }
            return operations * Double(repeats * products.count) / (Compute.seconds - start)
        }
    }
}

private struct CachedProductJob {
    let table: OpaquePointer
    let products: UnsafePointer<limn_convolution>
    let tasks: Int
    let repeats: Int
}
