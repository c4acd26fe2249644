import Tensors

/// Group normalisation, optionally followed by SiLU; checkpoint keys `weight` and `bias`, both [channels].
package struct GroupNorm: Sendable {
    private let weight: FloatArray
    private let bias: FloatArray
    private let groups: Int
    private let epsilon: Float

    package init(_ source: LayerSource, channels: Int, groups: Int, epsilon: Float) throws {
        guard groups > 0, channels % groups == 0 else {
            throw TensorError("\(channels) channels do not divide into \(groups) groups of normalisation")
        }
        weight = FloatArray(try source.array("weight", count: channels))
        bias = FloatArray(try source.array("bias", count: channels))
        self.groups = groups
        self.epsilon = epsilon
    }

    package func callAsFunction(
        _ x: Tensor, _ compute: Compute, with second: Tensor? = nil, modulation: Tensor? = nil,
        silu: Bool = false
    ) throws -> Tensor {
        try compute.groupNorm(
            x, second, groups: groups, weight: weight, bias: bias, epsilon: epsilon, modulation: modulation,
            silu: silu)
    }
}

/// Root mean square normalisation over the channels; checkpoint key `weight` [channels].
package struct RMSNorm: Sendable {
    private let weight: FloatArray
    private let epsilon: Float

    package init(_ source: LayerSource, channels: Int, epsilon: Float) throws {
        weight = FloatArray(try source.array("weight", count: channels))
        self.epsilon = epsilon
    }

    /// - Parameter asOperand: the result only feeds a product (another layer)
    package func callAsFunction(_ x: Tensor, _ compute: Compute, asOperand: Bool = true) throws -> Tensor {
        try compute.rmsNorm(x, weight: weight, epsilon: epsilon, asOperand: asOperand)
    }
}

/// Layer normalisation over the channels; checkpoint keys `weight` and `bias`, both [channels].
package struct LayerNorm: Sendable {
    private let weight: FloatArray
    private let bias: FloatArray
    private let epsilon: Float

    package init(_ source: LayerSource, channels: Int, epsilon: Float = 1e-5) throws {
        weight = FloatArray(try source.array("weight", count: channels))
        bias = FloatArray(try source.array("bias", count: channels))
        self.epsilon = epsilon
    }

    /// - Parameter asOperand: the result only feeds a product (another layer)
    package func callAsFunction(_ x: Tensor, _ compute: Compute, asOperand: Bool = true) throws -> Tensor {
        try compute.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, asOperand: asOperand)
    }
}
