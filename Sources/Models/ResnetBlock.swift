import Layers
import Tensors

/// How the time embedding enters a resnet block.
package enum TimeConditioning: Sendable, Equatable {
    /// No time embedding (autoencoder).
    case none
    /// Added to the features after the first convolution.
    case add
    /// Scale and shift of the second norm.
    case scaleShift
}

/// norm → SiLU → conv → (+ time) → norm → SiLU → conv, plus a shortcut (diffusers' `ResnetBlock2D`).
package struct ResnetBlock: Sendable {
    private let norm1: GroupNorm
    private let conv1: Conv2D
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Conv2D
    private let convShortcut: Conv2D?
    private let conditioning: TimeConditioning

    /// - Parameter timeChannels: width of the time embedding
    package init(
        _ source: LayerSource, in inChannels: Int, out outChannels: Int, groups: Int, epsilon: Float,
        conditioning: TimeConditioning = .none, timeChannels: Int = 0
    ) throws {
        norm1 = try GroupNorm(source("norm1"), channels: inChannels, groups: groups, epsilon: epsilon)
        conv1 = try Conv2D(source("conv1"), in: inChannels, out: outChannels)
        self.conditioning = conditioning
        switch conditioning {
        case .none: timeProjection = nil
        case .add: timeProjection = try Linear(source("time_emb_proj"), in: timeChannels, out: outChannels)
        case .scaleShift:
            timeProjection = try Linear(source("time_emb_proj"), in: timeChannels, out: 2 * outChannels)
        }
        norm2 = try GroupNorm(source("norm2"), channels: outChannels, groups: groups, epsilon: epsilon)
        conv2 = try Conv2D(source("conv2"), in: outChannels, out: outChannels)
        convShortcut =
            inChannels == outChannels
            ? nil : try Conv2D(source("conv_shortcut"), in: inChannels, out: outChannels, kernel: 1)
    }

    /// - Parameters:
    ///   - x: [batch, height, width, in], with `skip` concatenated to its channels
    ///   - time: [batch, 1, 1, timeChannels], SiLU applied
    /// - Returns: [batch, height, width, out]
    package func callAsFunction(
        _ x: Tensor, _ compute: Compute, skip: Tensor? = nil, time: Tensor? = nil
    ) throws -> Tensor {
        var projected: Tensor?
        if let time, let timeProjection { projected = try timeProjection(time, compute) }
        var h = try norm1(x, compute, with: skip, silu: true)
        h = try conv1(h, compute, batchBias: conditioning == .add ? projected : nil)
        h = try norm2(h, compute, modulation: conditioning == .scaleShift ? projected : nil, silu: true)
        // Not sooner: while the first half runs, its memory is needed there.
        let shortcut = try convShortcut?(x, compute, with: skip) ?? x
        return try conv2(h, compute, residual: shortcut)
    }
}
