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
        packed = try PackedWeights(
            parts: [try source.stored("weight", shape: [rows, inChannels])], bias: bias,
            inChannels: inChannels, outChannels: outChannels, activation: activation,
            operands: source.linearOperands, compute: source.compute)
    }

    /// Several linears over the same input as one product; their outputs lie side by side in the channels.
    package init(joining sources: [LayerSource], in inChannels: Int, out outChannels: Int, bias: Bool) throws {
        guard let first = sources.first else { throw TensorError("no layers to join") }
        packed = try PackedWeights(
            parts: try sources.map { try $0.stored("weight", shape: [outChannels, inChannels]) },
            bias: bias ? try sources.flatMap { try $0.array("bias", count: outChannels) } : nil,
            inChannels: inChannels, outChannels: sources.count * outChannels,
            operands: first.linearOperands, compute: first.compute)
    }

    /// - Parameters:
    ///   - asOperand: the result only feeds a product (another layer, attention)
    ///   - precedesNorm: a group norm is to follow
    package func callAsFunction(
        _ x: Tensor, _ compute: Compute, residual: Tensor? = nil, asOperand: Bool = false, precedesNorm: Bool = false
    ) throws -> Tensor {
        try compute.linear(x, packed, residual: residual, asOperand: asOperand, precedesNorm: precedesNorm)
    }
}
