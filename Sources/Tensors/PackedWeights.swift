import CKernels

/// The activation fused into the end of a product.
package enum Activation: Sendable {
    case none, silu, gelu, quickGELU
    /// value · GELU(gate): the layer's weight holds the value rows, then the gate rows.
    case geglu
    /// Of the sum with the residual, if there is one.
    case relu

    var code: limn_activation {
        switch self {
        case .none: LIMN_ACTIVATION_NONE
        case .silu: LIMN_ACTIVATION_SILU
        case .gelu: LIMN_ACTIVATION_GELU
        case .quickGELU: LIMN_ACTIVATION_QUICK_GELU
        case .geglu: LIMN_ACTIVATION_GEGLU
        case .relu: LIMN_ACTIVATION_RELU
        }
    }
}

/// The weight of a linear or convolution in the kernels' own order, made when a model loads, or under a small memory
/// when the layer runs.
package final class PackedWeights: @unchecked Sendable {
    package let inChannels: Int
    package let outChannels: Int
    package let kernelHeight: Int
    package let kernelWidth: Int
    package let activation: Activation
    package let element: Element
    package let algorithm: ConvolutionAlgorithm
    /// Bytes of the packed form.
    package let byteCount: Int
    // All written only by `init`.
    private let memory: Memory?
    /// What to pack when the layer runs.
    private let parts: [any StoredValues]
    private let biasMemory: Memory?

    /// - Parameters:
    ///   - parts: row-major [out, in, kernelHeight, kernelWidth], for `.geglu` [2·out, in]; or parts of it, each with
    ///     as many rows as the others
    ///   - algorithm: Winograd's are for kernels of 3×3, to be used with a stride of 1 and no GEGLU
    ///   - operands: what the products' operands are; nil for those of `compute`. Linear layers alone can be `.int8`
    ///   - bias: as many values as the weight has rows, or nil
    /// - Throws: `TensorError` if the sizes do not fit or memory runs out, `CancellationError` if cancelled
    package init(
        parts: [any StoredValues], bias: [Float]?, inChannels: Int, outChannels: Int, kernelHeight: Int = 1,
        kernelWidth: Int = 1, activation: Activation = .none, algorithm: ConvolutionAlgorithm = .direct,
        operands: Element? = nil, compute: Compute
    ) throws {
        let element = operands ?? compute.operands
        let taps = kernelHeight * kernelWidth
        let rows = activation == .geglu ? 2 * outChannels : outChannels
        guard inChannels > 0, outChannels > 0, taps <= LIMN_MAX_TAPS, inChannels <= LIMN_MAX_CHANNELS || taps == 1,
            (1...Int(LIMN_MAX_PARTS)).contains(parts.count), rows % parts.count == 0,
            parts.allSatisfy({ $0.count == rows / parts.count * inChannels * taps }),
            bias.map({ $0.count == rows }) ?? true,
            algorithm == .direct || kernelHeight == 3 && kernelWidth == 3 && activation != .geglu,
            element != .int8 || taps == 1, compute.kernels.has(algorithm, element)
        else {
            throw TensorError("a weight of \(rows) × \(inChannels) × \(taps) is not of a size that limn supports")
        }
        if compute.isCancelled() { throw CancellationError() }
        (self.inChannels, self.outChannels) = (inChannels, outChannels)
        (self.kernelHeight, self.kernelWidth, self.activation) = (kernelHeight, kernelWidth, activation)
        let table = compute.kernels.table
        self.element = element
        self.algorithm = algorithm
        let points = limn_algorithm_points(algorithm.code, taps)
        byteCount = limn_packed_bytes(table, element.code, outChannels, inChannels, points, activation.code)
        if let bias {
            let own = try Memory(byteCount: bias.count * MemoryLayout<Float>.stride)
            own.floats.update(from: bias, count: bias.count)
            biasMemory = own
        } else {
            biasMemory = nil
        }
        if compute.weights != nil, parts.allSatisfy(\.isMapped) {
            memory = nil
            self.parts = parts
            if !compute.arena.isPlanning { compute.deferredByteCount += byteCount }
            return
        }
        self.parts = []
        let memory = try Memory(byteCount: byteCount)
        self.memory = memory
        // Planning asks only whether the weights are there and fit; memory that nobody touches costs nothing.
        if compute.arena.isPlanning { return }
        compute.packedByteCount += byteCount
        pack(parts, to: memory.base, compute)
    }

    /// - Parameter weight: row-major [out, in, kernelHeight, kernelWidth]; for `.geglu` [2·out, in]
    package convenience init(
        weight: UnsafeBufferPointer<Float>, bias: [Float]?, inChannels: Int, outChannels: Int,
        kernelHeight: Int = 1, kernelWidth: Int = 1, activation: Activation = .none,
        algorithm: ConvolutionAlgorithm = .direct, operands: Element? = nil, compute: Compute
    ) throws {
        try self.init(
            parts: weight.baseAddress.map { [BorrowedFloats(base: $0, count: weight.count)] } ?? [], bias: bias,
            inChannels: inChannels, outChannels: outChannels, kernelHeight: kernelHeight, kernelWidth: kernelWidth,
            activation: activation, algorithm: algorithm, operands: operands, compute: compute)
    }

    private func pack(_ parts: [any StoredValues], to packed: UnsafeMutableRawPointer, _ compute: Compute) {
        var weight = limn_weight()
        let rows = activation == .geglu ? 2 * outChannels : outChannels
        (weight.part_rows, weight.out, weight.in) = (rows / parts.count, outChannels, inChannels)
        (weight.taps, weight.activation) = (kernelHeight * kernelWidth, activation.code)
        weight.algorithm = algorithm.code
        withUnsafeMutableBytes(of: &weight.parts) { addresses in
            for (index, part) in parts.enumerated() {
                addresses.storeBytes(of: part.address, toByteOffset: index * 8, as: UnsafeRawPointer.self)
            }
        }
        withUnsafeMutableBytes(of: &weight.stored) { formats in
            let formats = formats.bindMemory(to: limn_stored.self)
            for (index, part) in parts.enumerated() { formats[index] = part.storedFormat.code }
        }
        let job = PackingJob(table: compute.kernels.table, element: element.code, weight: weight, packed: packed)
        compute.pool.reserveScratch(limn_pack_scratch(job.table, &weight))
        compute.pool.run(limn_packed_panels(job.table, outChannels, activation.code), job) { context, task, scratch in
            let job = context.assumingMemoryBound(to: PackingJob.self)
            withUnsafePointer(to: job.pointee.weight) {
                limn_pack_task(job.pointee.table, job.pointee.element, $0, job.pointee.packed, task, scratch)
            }
        }
        // The packed form is in memory now; keeping the file's pages too would count them twice.
        for part in parts { part.release() }
    }

    /// The packed form, valid until the next weight is asked for.
    func packed(_ compute: Compute) throws -> UnsafeRawPointer? {
        if let memory { return UnsafeRawPointer(memory.base) }
        guard let store = compute.weights else { return nil }
        if compute.arena.isPlanning {
            try store.reserve(byteCount)
            return nil
        }
        return try store.packed(ObjectIdentifier(self), byteCount: byteCount) { pack(parts, to: $0, compute) }
    }

    var bias: UnsafePointer<Float>? { biasMemory.map { UnsafePointer($0.floats) } }
}

private struct PackingJob {
    let table: OpaquePointer
    let element: limn_element
    let weight: limn_weight
    let packed: UnsafeMutableRawPointer
}
