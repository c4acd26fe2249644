import Checkpoints
import Tensors

/// y = activation(x·Wᵀ + b) over the channels; checkpoint keys `weight` [out, in] and `bias` [out].
package struct Linear: Sendable {
    private let packed: PackedWeights

    /// - Parameter activation: `.geglu` takes a weight of [2·out, in], values first
    package init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, bias: Bool = true,
        activation: Activation = .none
    ) throws {
        let rows = activation == .geglu ? 2 * outChannels : outChannels
        let bias = bias ? try source.array("bias", count: rows) : nil
        packed = try source.weights.read("weight", shape: [rows, inChannels]) {
            try PackedWeights(
                weight: $0, bias: bias, inChannels: inChannels, outChannels: outChannels, activation: activation,
                compute: source.compute)
        }
    }

    /// Several linears over the same input as one product; their outputs lie side by side in the channels.
    package init(joining sources: [LayerSource], in inChannels: Int, out outChannels: Int, bias: Bool) throws {
        guard let compute = sources.first?.compute else { throw TensorError("no layers to join") }
        let count = outChannels * inChannels
        // Not an array: its size comes from a configuration that no weight has been checked against yet, and an array
        // for which there is no memory traps.
        let rows = try Memory(byteCount: sources.count * count * MemoryLayout<Float>.stride)
        var biases: [Float] = []
        for (index, source) in sources.enumerated() {
            try source.weights.read("weight", shape: [outChannels, inChannels]) { part in
                guard let base = part.baseAddress else { return }
                (rows.floats + index * count).update(from: base, count: part.count)
            }
            if bias { biases += try source.array("bias", count: outChannels) }
        }
        packed = try withExtendedLifetime(rows) {
            try PackedWeights(
                weight: UnsafeBufferPointer(start: rows.floats, count: sources.count * count),
                bias: bias ? biases : nil, inChannels: inChannels, outChannels: sources.count * outChannels,
                compute: compute)
        }
    }

    /// - Parameter asOperand: the result only feeds a product (another layer, attention)
    package func callAsFunction(
        _ x: Tensor, _ compute: Compute, residual: Tensor? = nil, asOperand: Bool = false
    ) throws -> Tensor {
        try compute.linear(x, packed, residual: residual, asOperand: asOperand)
    }
}
