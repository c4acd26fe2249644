import Checkpoints
import Tensors

/// Two-dimensional convolution; checkpoint keys `weight` [out, in, k, k] and `bias` [out].
package struct Conv2D: Sendable {
    private let packed: PackedWeights
    private let geometry: ConvolutionGeometry
    private let precedesNorm: Bool

    /// - Parameters:
    ///   - padding: zeros on every side; nil means (kernel − 1) / 2, which keeps the size
    ///   - isDoubled: every input will be resized to exactly twice its size
    ///   - activation: not `.geglu`
    ///   - precedesNorm: whether a norm follows, as it does in most networks on what has more than one tap
    package init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, kernel: Int = 3, stride: Int = 1,
        padding: Int? = nil, isDoubled: Bool = false, bias: Bool = true, activation: Activation = .none,
        precedesNorm: Bool? = nil
    ) throws {
        try self.init(
            source, in: inChannels, out: outChannels, kernel: kernel,
            geometry: ConvolutionGeometry(stride: stride, padding: padding ?? (kernel - 1) / 2), isDoubled: isDoubled,
            bias: bias, activation: activation, precedesNorm: precedesNorm)
    }

    package init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, kernel: Int,
        geometry: ConvolutionGeometry, isDoubled: Bool = false, bias: Bool = true, activation: Activation = .none,
        precedesNorm: Bool? = nil
    ) throws {
        let bias = bias ? try source.array("bias", count: outChannels) : nil
        let shape = ConvolutionShape(
            inChannels: inChannels, outChannels: outChannels, kernel: kernel, stride: geometry.stride,
            side: source.side,
            isDoubled: isDoubled)
        packed = try PackedWeights(
            parts: [try source.stored("weight", shape: [outChannels, inChannels, kernel, kernel])], bias: bias,
            inChannels: inChannels, outChannels: outChannels, kernelHeight: kernel, kernelWidth: kernel,
            activation: activation, algorithm: source.compute.algorithm(for: shape), compute: source.compute)
        self.geometry = geometry
        self.precedesNorm = precedesNorm ?? (kernel > 1 && activation == .none)
    }

    /// - Parameters:
    ///   - second: concatenated to x along the channels
    ///   - resized: nearest-neighbour resize before the convolution
    ///   - batchBias: [batch, 1, 1, out]
    package func callAsFunction(
        _ x: Tensor, _ compute: Compute, with second: Tensor? = nil,
        resized: (height: Int, width: Int)? = nil, batchBias: Tensor? = nil, residual: Tensor? = nil
    ) throws -> Tensor {
        try compute.convolution(
            x, second, packed, geometry, resized: resized, batchBias: batchBias, residual: residual,
            precedesNorm: precedesNorm)
    }
}
