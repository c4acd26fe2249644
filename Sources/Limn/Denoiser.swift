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
    let unet: UNet2DConditionModel
    let conditioning: Conditioning
    let parameterization: Parameterization
    /// nil: no guidance, one evaluation a step.
    let guidanceScale: Float?
    let guidanceRescale: Float
    /// Inpainting models: mask and masked picture, [height, width, extra channels].
    let extra: [Float]?
    let shape: LatentShape
    let compute: Compute

    /// - Parameter x: [channels, height, width] at `level`
    func denoised(_ x: [Float], _ level: NoiseLevel) throws -> Denoised {
        let scale = parameterization.inputScale(at: level)
        let input = try networkInput(shape.channelsLast(x.map { $0 * scale }))
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

    private func networkInput(_ latents: [Float]) throws -> Tensor {
        let extraChannels = (extra?.count ?? 0) / shape.pixels
        let channels = shape.channels + extraChannels
        let input = try Tensor(
            batch: conditioning.batch, height: shape.height, width: shape.width, channels: channels)
        for row in 0..<input.rows {
            let pixel = row % shape.pixels
            for channel in 0..<shape.channels {
                input.pointer[row * channels + channel] = latents[pixel * shape.channels + channel]
            }
            for channel in 0..<extraChannels {
                input.pointer[row * channels + shape.channels + channel] =
                    extra?[pixel * extraChannels + channel] ?? 0
            }
        }
        return input
    }
}
