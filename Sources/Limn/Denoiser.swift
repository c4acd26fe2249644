import Models
import Sampling
import Tensors

/// Sizes of one picture's latents, which lie as [channels, height, width] at the API's edge and in samplers, and as
/// [height, width, channels] in the networks.
struct LatentShape: Sendable, Equatable {
    var channels: Int
    var height: Int
    var width: Int

    var pixels: Int { height * width }
    var count: Int { channels * pixels }

    func channelsLast(_ values: [Float]) -> [Float] {
        var result = [Float](repeating: 0, count: values.count)
        for channel in 0..<channels {
            for pixel in 0..<pixels { result[pixel * channels + channel] = values[channel * pixels + pixel] }
        }
        return result
    }

    func channelsFirst(_ values: some RandomAccessCollection<Float>) -> [Float] {
        var result = [Float](repeating: 0, count: count)
        for (index, value) in values.enumerated() { result[index % channels * pixels + index / channels] = value }
        return result
    }
}

/// The network as a sampler sees it: what is predicted, guidance and the layout of memory are dealt with here and
/// nowhere else.
struct Denoiser {
    private let unet: UNet2DConditionModel
    private let conditioning: Conditioning
    private let parameterization: Parameterization
    private let guidanceScale: Float?
    private let guidanceRescale: Float
    private let shape: LatentShape
    private let compute: Compute
    /// [batch, height, width, channels], filled anew at every step but for the extra channels.
    private let input: Tensor

    /// - Parameters:
    ///   - guidanceScale: nil for no guidance, one evaluation a step
    ///   - extra: inpainting models: mask and masked picture, [height, width, extra channels]
    init(
        unet: UNet2DConditionModel, conditioning: Conditioning, prediction: PredictionType, guidanceScale: Float?,
        guidanceRescale: Float, extra: [Float]?, shape: LatentShape, compute: Compute
    ) throws {
        (self.unet, self.conditioning, self.compute) = (unet, conditioning, compute)
        parameterization = Parameterization(prediction)
        (self.guidanceScale, self.guidanceRescale, self.shape) = (guidanceScale, guidanceRescale, shape)
        input = try Tensor(
            batch: conditioning.batch, height: shape.height, width: shape.width, channels: unet.config.inChannels)
        guard let extra else { return }
        let extraChannels = extra.count / shape.pixels
        for row in 0..<input.rows {
            for channel in 0..<extraChannels {
                input.pointer[row * input.channels + shape.channels + channel] =
                    extra[row % shape.pixels * extraChannels + channel]
            }
        }
    }

    /// - Parameter x: [channels, height, width] at `level`
    func denoised(_ x: [Float], _ level: NoiseLevel) throws -> Denoised {
        let scale = parameterization.inputScale(at: level)
        for row in 0..<input.rows {
            for channel in 0..<shape.channels {
                let value = x[channel * shape.pixels + row % shape.pixels]
                input.pointer[row * input.channels + channel] = value * scale
            }
        }
        let output = try unet(input, timestep: level.timestep, conditioning, compute)
        let rows = (0..<conditioning.batch).map { index in
            shape.channelsFirst(output.buffer[index * shape.count..<(index + 1) * shape.count])
        }
        var prediction = rows[0]
        if let guidanceScale, rows.count == 2 {
            prediction = Guidance.guided(unconditional: rows[0], conditional: rows[1], scale: guidanceScale)
            prediction = Guidance.rescaled(guided: prediction, conditional: rows[1], amount: guidanceRescale)
        }
        return parameterization.denoised(x: x, output: prediction, at: level)
    }
}
