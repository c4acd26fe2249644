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
        result.withUnsafeMutableBufferPointer { write(values, to: $0) }
        return result
    }

    /// One picture of a network's output as a sample.
    func sample(_ picture: Int, of output: Tensor, in pool: SamplePool) -> Sample {
        Sample(in: pool) { write(output.buffer[picture * count..<(picture + 1) * count], to: $0) }
    }

    private func write(_ values: some RandomAccessCollection<Float>, to result: UnsafeMutableBufferPointer<Float>) {
        for (index, value) in values.enumerated() { result[index % channels * pixels + index / channels] = value }
    }
}

/// A stretch of a run in which one network is told one thing: [negative prompt, prompt] while guidance lasts, then the
/// prompt alone; and the refiner, where there is one, in the end.
struct RunPhase {
    var unet: UNet2DConditionModel
    var conditioning: Conditioning
    /// The timestep of its last step.
    var lastTimestep: Float
}

/// The network as a sampler sees it: what is predicted, guidance, step caching and the layout of memory are dealt with
/// here and nowhere else.
struct Denoiser {
    /// In the order of the run, with the timestep of the last step of each.
    private let evaluators: [(evaluator: Evaluator, lastTimestep: Float)]
    private let parameterization: Parameterization
    private let guidanceScale: Float
    private let imageGuidanceScale: Float
    private let guidanceRescale: Float
    private let keepsUnconditional: Bool
    private let shape: LatentShape

    /// - Parameters:
    ///   - phases: at least one
    ///   - guidanceScale: for evaluations of a pair, or of three
    ///   - imageGuidanceScale: for evaluations of three: without picture and prompt, with the picture, with both
    ///   - cacheInterval: every how many evaluations the UNet runs as a whole
    ///   - keepsUnconditional: whether the sampler is told what the network says without the prompt
    ///   - extra: what the UNet sees beside the latents, [height, width, extra channels]
    init(
        phases: [RunPhase], prediction: PredictionType, guidanceScale: Float, imageGuidanceScale: Float,
        guidanceRescale: Float, cacheInterval: Int, keepsUnconditional: Bool, extra: [Float]?, shape: LatentShape,
        compute: Compute
    ) throws {
        evaluators = try phases.map { phase in
            let evaluator = try Evaluator(
                unet: phase.unet, conditioning: phase.conditioning, cacheInterval: cacheInterval, extra: extra,
                shape: shape, compute: compute)
            return (evaluator, phase.lastTimestep)
        }
        parameterization = Parameterization(prediction)
        (self.guidanceScale, self.imageGuidanceScale) = (guidanceScale, imageGuidanceScale)
        (self.guidanceRescale, self.shape) = (guidanceRescale, shape)
        self.keepsUnconditional = keepsUnconditional
    }

    /// Makes room for every kind of evaluation, so that the steps allocate nothing.
    func plan() throws {
        for (evaluator, _) in evaluators { try evaluator.plan() }
    }

    /// - Parameter x: [channels, height, width] at `level`
    func denoised(_ x: Sample, _ level: NoiseLevel) throws -> Denoised {
        // A sampler may look beyond a phase's last step: what it finds there belongs to the next phase.
        let index = evaluators.firstIndex { level.timestep >= $0.lastTimestep } ?? evaluators.count - 1
        let evaluator = evaluators[index].evaluator
        let output = try evaluator(x, scale: parameterization.inputScale(at: level), timestep: level.timestep)
        func row(_ index: Int) -> Sample { shape.sample(index, of: output, in: x.pool) }
        var prediction = row(0)
        if output.batch > 1 {
            let conditional = row(output.batch - 1)
            prediction =
                output.batch == 2
                ? Guidance.guided(unconditional: prediction, conditional: conditional, scale: guidanceScale)
                : Guidance.guided(
                    unconditional: prediction, picture: row(1), conditional: conditional, scale: guidanceScale,
                    pictureScale: imageGuidanceScale)
            prediction = Guidance.rescaled(guided: prediction, conditional: conditional, amount: guidanceRescale)
        }
        var denoised = parameterization.denoised(x: x, output: prediction, at: level)
        if keepsUnconditional, output.batch > 1 {
            denoised.unconditional = parameterization.denoised(x: x, output: row(0), at: level).x0
        }
        return denoised
    }
}
