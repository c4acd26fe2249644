import Glibc
import Layers
import Tensors

/// Sinusoids of a timestep (Ho et al. 2020; diffusers' `Timesteps`).
///
/// - Returns: `channels` values, in single precision throughout, as the networks were trained with
func sinusoidalEmbedding(_ timestep: Float, channels: Int, flipSinToCos: Bool, freqShift: Float) -> [Float] {
    var values = [Float](repeating: 0, count: channels)
    values.withUnsafeMutableBufferPointer {
        writeSinusoids(of: timestep, flipSinToCos: flipSinToCos, freqShift: freqShift, to: $0)
    }
    return values
}

/// The same into `values`, all of them.
private func writeSinusoids(
    of timestep: Float, flipSinToCos: Bool, freqShift: Float, to values: UnsafeMutableBufferPointer<Float>
) {
    let half = values.count / 2
    values.update(repeating: 0)
    for index in 0..<half {
        let exponent = -Float(log(10000.0)) * Float(index) / (Float(half) - freqShift)
        let phase = timestep * expf(exponent)
        values[flipSinToCos ? half + index : index] = sinf(phase)
        values[flipSinToCos ? index : half + index] = cosf(phase)
    }
}

/// A guidance scale w as latent consistency models are told it: sinusoids of 1000·(w − 1) (Luo et al. 2023; diffusers'
/// `get_guidance_scale_embedding`).
///
/// - Returns: `channels` values
package func guidanceScaleEmbedding(_ scale: Float, channels: Int) -> [Float] {
    let half = channels / 2
    let step = Float(log(10000.0)) / Float(max(half - 1, 1))
    let phases = (0..<half).map { (scale - 1) * 1000 * expf(-step * Float($0)) }
    return phases.map(sinf) + phases.map(cosf) + [Float](repeating: 0, count: channels % 2)
}

/// linear → SiLU → linear (diffusers' `TimestepEmbedding`).
struct TimestepEmbedding: Sendable {
    private let linear1: Linear
    private let linear2: Linear

    init(_ source: LayerSource, in inChannels: Int, out outChannels: Int) throws {
        linear1 = try Linear(source("linear_1"), in: inChannels, out: outChannels, activation: .silu)
        linear2 = try Linear(source("linear_2"), in: outChannels, out: outChannels)
    }

    func callAsFunction(_ x: Tensor, _ compute: Compute, residual: Tensor? = nil) throws -> Tensor {
        try linear2(try linear1(x, compute), compute, residual: residual)
    }
}

/// Everything that tells the network where it is: the timestep; for SDXL the pooled text and picture sizes; and in some
/// networks the text as a whole.
struct TimeEmbedding: Sendable {
    private let config: UNetConfig
    private let fourierWeight: FloatArray?
    private let embedding: TimestepEmbedding
    private let conditionProjection: Linear?
    private let addition: TimestepEmbedding?
    private let textAddition: TextTimeEmbedding?
    private let inChannels: Int

    init(_ source: LayerSource, _ config: UNetConfig) throws {
        self.config = config
        let inputs: Int
        switch config.timeEmbeddingKind {
        case .positional:
            inputs = config.blockOutChannels[0]
            fourierWeight = nil
        case .fourier:
            inputs = config.timeEmbeddingChannels
            fourierWeight = try source("time_proj").weights.read("weight", shape: [inputs / 2]) {
                FloatArray(Array($0))
            }
        }
        inChannels = inputs
        embedding = try TimestepEmbedding(
            source("time_embedding"), in: inputs, out: config.timeEmbeddingChannels)
        conditionProjection = try config.timeConditionChannels.map {
            try Linear(source("time_embedding.cond_proj"), in: $0, out: inputs, bias: false)
        }
        addition =
            config.additionTimeChannels == nil
            ? nil
            : try TimestepEmbedding(
                source("add_embedding"), in: config.additionInputChannels, out: config.timeEmbeddingChannels)
        textAddition = try config.additionTextHeads.map { heads in
            guard let channels = config.textChannels.first else { throw ModelError("the UNet takes no text") }
            return try TextTimeEmbedding(
                source("add_embedding"), in: channels, out: config.timeEmbeddingChannels, heads: heads)
        }
    }

    /// What texts add at every step, [batch, 1, 1, timeEmbeddingChannels]; nil in networks where they add nothing.
    ///
    /// - Parameters:
    ///   - text: [batch, 1, tokens, channels]
    ///   - counts: how many of the tokens each picture is told, where they differ
    func textAddition(_ text: Tensor, counts: [Int]?, _ compute: Compute) throws -> Tensor? {
        try textAddition.map { embedding in
            try Tensor(
                stacking: try (0..<text.batch).map { index in
                    let count = counts.map { max(1, $0[index]) } ?? text.pixels
                    return try embedding(try text.picture(index), count: count, compute)
                })
        }
    }

    /// - Returns: [batch, 1, 1, timeEmbeddingChannels] with SiLU applied, as every resnet block wants it
    func callAsFunction(_ timestep: Float, _ conditioning: Conditioning, _ compute: Compute) throws -> Tensor {
        let batch = conditioning.batch
        var input = try compute.tensor(batch, 1, 1, inChannels)
        if !compute.arena.isPlanning {
            for index in 0..<batch {
                let row = input.pointer + index * inChannels
                writeFeatures(of: timestep, to: UnsafeMutableBufferPointer(start: row, count: inChannels))
            }
        }
        if let conditionProjection, let condition = conditioning.timeCondition {
            input = try conditionProjection(condition, compute, residual: input)
        }
        var added: Tensor?
        if let values = conditioning.addition { added = try addition.map { try $0(values, compute) } ?? values }
        return try compute.silu(try embedding(input, compute, residual: added))
    }

    private func writeFeatures(of timestep: Float, to values: UnsafeMutableBufferPointer<Float>) {
        guard let fourierWeight else {
            return writeSinusoids(
                of: timestep, flipSinToCos: config.flipSinToCos, freqShift: config.freqShift, to: values)
        }
        fourierWeight.withValues { weights in
            for (index, weight) in weights.enumerated() {
                let phase = timestep * weight * 2 * Float.pi
                values[config.flipSinToCos ? weights.count + index : index] = sinf(phase)
                values[config.flipSinToCos ? index : weights.count + index] = cosf(phase)
            }
        }
    }
}
