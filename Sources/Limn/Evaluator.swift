import Models
import Sampling
import Tensors

/// The UNet told one thing, with the memory that its evaluations want: their input, and what a whole one hands on to
/// those of the outermost layers that follow it.
final class Evaluator {
    private let unet: UNet2DConditionModel
    private let conditioning: Conditioning
    private let shape: LatentShape
    private let compute: Compute
    /// [batch, height, width, channels], filled anew at every evaluation but for the extra channels.
    private let input: Tensor
    private let cacheInterval: Int
    /// nil: every evaluation is whole.
    private let deep: DeepFeatures?
    /// How many there were.
    private var evaluations = 0

    /// - Parameters:
    ///   - cacheInterval: every how many evaluations the UNet runs as a whole, beginning with the first
    ///   - extra: what the UNet sees beside the latents, [height, width, extra channels]
    ///   - blank: how many pictures of a batch go without that, from the first
    init(
        unet: UNet2DConditionModel, conditioning: Conditioning, cacheInterval: Int, extra: [Float]?, blank: Int,
        shape: LatentShape, compute: Compute
    ) throws {
        (self.unet, self.conditioning, self.shape, self.compute) = (unet, conditioning, shape, compute)
        self.cacheInterval = cacheInterval
        input = try Tensor(
            batch: conditioning.batch, height: shape.height, width: shape.width, channels: unet.config.inChannels)
        deep =
            cacheInterval == 1
            ? nil : try unet.deepFeatures(height: shape.height, width: shape.width, conditioning)
        guard let extra else { return }
        let extraChannels = extra.count / shape.pixels
        for row in blank * shape.pixels..<input.rows {
            for channel in 0..<extraChannels {
                input.pointer[row * input.channels + shape.channels + channel] =
                    extra[row % shape.pixels * extraChannels + channel]
            }
        }
    }

    /// Makes room for every kind of evaluation.
    func plan() throws {
        try unet.plan(height: shape.height, width: shape.width, conditioning, compute)
        if let deep { try unet.plan(outermost: deep, conditioning, compute) }
    }

    /// - Parameter x: [channels, height, width]; the network is given it times `scale`
    /// - Returns: what the network predicts, [batch, height, width, channels], in the arena
    func callAsFunction(_ x: Sample, scale: Float, timestep: Float) throws -> Tensor {
        x.withValues { x in
            for row in 0..<input.rows {
                for channel in 0..<shape.channels {
                    let value = x[channel * shape.pixels + row % shape.pixels]
                    input.pointer[row * input.channels + channel] = value * scale
                }
            }
        }
        defer { evaluations += 1 }
        if let deep, evaluations % cacheInterval != 0 {
            return try unet.outermost(input, timestep: timestep, conditioning, compute, deep: deep)
        }
        return try unet(input, timestep: timestep, conditioning, compute, keeping: deep)
    }
}
