import CKernels

/// The activation fused into the end of a product.
package enum Activation: Sendable {
    case none, silu, gelu, quickGELU
    /// value · GELU(gate): the layer's weight holds the value rows, then the gate rows.
    case geglu

    var code: limn_activation {
        switch self {
        case .none: LIMN_ACTIVATION_NONE
        case .silu: LIMN_ACTIVATION_SILU
        case .gelu: LIMN_ACTIVATION_GELU
        case .quickGELU: LIMN_ACTIVATION_QUICK_GELU
        case .geglu: LIMN_ACTIVATION_GEGLU
        }
    }
}

/// The weight of a linear or convolution in the kernels' own order, made once when a model loads.
package final class PackedWeights: @unchecked Sendable {
    package let inChannels: Int
    package let outChannels: Int
    package let kernelHeight: Int
    package let kernelWidth: Int
    package let activation: Activation
    package let element: Element
    // Written only by `init`.
    private let memory: Memory
    private let biasMemory: Memory?

    /// - Parameters:
    ///   - weight: row-major [out, in, kernelHeight, kernelWidth]; for `.geglu` [2·out, in]
    ///   - bias: as many values as the weight has rows, or nil
    package init(
        weight: UnsafeBufferPointer<Float>, bias: [Float]?, inChannels: Int, outChannels: Int,
        kernelHeight: Int = 1, kernelWidth: Int = 1, activation: Activation = .none, compute: Compute
    ) throws {
        let taps = kernelHeight * kernelWidth
        let rows = activation == .geglu ? 2 * outChannels : outChannels
        guard inChannels > 0, outChannels > 0, weight.count == rows * inChannels * taps,
            let base = weight.baseAddress, taps <= LIMN_MAX_TAPS, inChannels <= LIMN_MAX_CHANNELS || taps == 1,
            bias.map({ $0.count == rows }) ?? true
        else {
            throw TensorError("a weight of \(rows) × \(inChannels) × \(taps) is not of a size that limn supports")
        }
        (self.inChannels, self.outChannels) = (inChannels, outChannels)
        (self.kernelHeight, self.kernelWidth, self.activation) = (kernelHeight, kernelWidth, activation)
        let table = compute.kernels.table
        element = compute.operands
        memory = try Memory(
            byteCount: limn_packed_bytes(table, element.code, outChannels, inChannels, taps, activation.code))
        if let bias {
            let own = try Memory(byteCount: bias.count * MemoryLayout<Float>.stride)
            own.floats.update(from: bias, count: bias.count)
            biasMemory = own
        } else {
            biasMemory = nil
        }
        // Planning asks only whether the weights are there and fit; memory that nobody touches costs nothing.
        if compute.arena.isPlanning { return }
        compute.packedByteCount += memory.byteCount
        let job = PackingJob(
            table: table, element: element.code, weight: base, out: outChannels, input: inChannels, taps: taps,
            activation: activation.code,
            packed: memory.base)
        compute.pool.run(limn_packed_panels(table, outChannels, activation.code), job) { context, task, _ in
            let job = context.load(as: PackingJob.self)
            limn_pack_task(
                job.table, job.element, job.weight, job.out, job.input, job.taps, job.activation, job.packed, task)
        }
    }

    var packed: UnsafeRawPointer { UnsafeRawPointer(memory.base) }
    var bias: UnsafePointer<Float>? { biasMemory.map { UnsafePointer($0.floats) } }
    package var byteCount: Int { memory.byteCount }
}

private struct PackingJob {
    let table: OpaquePointer
    let element: limn_element
    let weight: UnsafePointer<Float>
    let out: Int
    let input: Int
    let taps: Int
    let activation: limn_activation
    let packed: UnsafeMutableRawPointer
}
