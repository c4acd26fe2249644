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
    /// Where it ends.
    enum End: Sendable {
        /// With the step of this timestep.
        case timestep(Float)
        /// With this evaluation, counted from 0.
        case evaluation(Int)
    }

    var unet: UNet2DConditionModel
    var conditioning: Conditioning
    var end = End.timestep(0)
    /// Of the prompts that AND puts together, which all have rows, behind the negative prompt's; nil for one alone.
    var composition: [Float]?
    var isGuided = true
    /// Whether the prompt comes twice, the second time for self-attentions that see nothing.
    var isPerturbed = false
    /// Self-attention guidance: where the first row is looked at, and what is told for one more evaluation of a
    /// picture that was degraded there.
    var watched: AttentionMap?
    var degraded: Conditioning?

    /// Rows of evaluations without the perturbed one.
    var rows: Int { conditioning.batch - (isPerturbed ? 1 : 0) }
}

/// The network as a sampler sees it: what is predicted, guidance, step caching and the layout of memory are dealt with
/// here and nowhere else.
struct Denoiser {
    /// A phase with what evaluates it, and what evaluates the degraded picture of self-attention guidance. Phases that
    /// are told the same share these.
    private struct Stretch {
        var phase: RunPhase
        var evaluator: Evaluator
        var degraded: Evaluator?
    }

    /// In the order of the run.
    private let stretches: [Stretch]
    private let parameterization: Parameterization
    private let guidance: GuidancePlan
    private let guider: Guider
    private let keepsUnconditional: Bool
    private let shape: LatentShape
    private let evaluations = Count()

    /// How many evaluations there were.
    private final class Count { var value = 0 }

    /// - Parameters:
    ///   - phases: at least one
    ///   - extra: what the UNet sees beside the latents, [height, width, extra channels]
    init(
        phases: [RunPhase], _ job: RunPlan, extra: [Float]?, shape: LatentShape, compute: Compute
    ) throws {
        var known: [ObjectIdentifier: Evaluator] = [:]
        stretches = try phases.map { phase in
            func evaluator(_ conditioning: Conditioning, blank: Int = 0) throws -> Evaluator {
                if let evaluator = known[ObjectIdentifier(conditioning)] { return evaluator }
                let evaluator = try Evaluator(
                    unet: phase.unet, conditioning: conditioning, cacheInterval: job.request.sampling.cacheInterval,
                    extra: extra, blank: blank, shape: shape, compute: compute)
                known[ObjectIdentifier(conditioning)] = evaluator
                return evaluator
            }
            // Of three rows that are not put together, the first is told neither prompt nor picture.
            let isOfThree = phase.rows == 3 && phase.composition == nil
            return Stretch(
                phase: phase, evaluator: try evaluator(phase.conditioning, blank: isOfThree ? 1 : 0),
                degraded: try phase.degraded.map { try evaluator($0) })
        }
        parameterization = job.sampling.parameterization
        guidance = job.guidance
        guider = Guider(
            guidance, parameterization,
            position: RunPosition(timesteps: job.sampling.sampler.levels[job.sampling.firstStep...].map(\.timestep)),
            channels: shape.channels)
        keepsUnconditional = job.sampling.readsUnconditional
        self.shape = shape
    }

    /// Makes room for every kind of evaluation, so that the steps allocate nothing.
    func plan() throws {
        var planned: Set<ObjectIdentifier> = []
        for evaluator in stretches.flatMap({ [$0.evaluator, $0.degraded] }).compactMap(\.self)
        where planned.insert(ObjectIdentifier(evaluator)).inserted {
            try evaluator.plan()
        }
    }

    /// - Parameter x: [channels, height, width] at `level`
    func denoised(_ x: Sample, _ level: NoiseLevel) throws -> Denoised {
        // A sampler may look beyond a phase's last step: what it finds there belongs to the next phase.
        let index =
            stretches.firstIndex {
                switch $0.phase.end {
                case .timestep(let last): level.timestep >= last
                case .evaluation(let last): evaluations.value <= last
                }
            } ?? stretches.count - 1
        evaluations.value += 1
        let stretch = stretches[index]
        let rows = try predictions(x, level, stretch)
        var prediction = guider.guided(rows, x: x, at: level)
        if let scale = guidance.selfAttentionScale, let degraded = stretch.degraded, let map = stretch.phase.watched {
            let first = rows.unconditional ?? rows.conditional
            let worse = try degradedPrediction(x, first, level, degraded, map)
            prediction = Guidance.led(prediction, from: worse, to: first, scale: scale)
        }
        prediction = guider.rescaled(prediction, rows)
        var denoised = parameterization.denoised(x: x, output: prediction, at: level)
        if let limit = guidance.limit { denoised = denoised.limited(by: limit, x: x, at: level) }
        if keepsUnconditional, let unconditional = rows.unconditional {
            denoised.unconditional = parameterization.denoised(x: x, output: unconditional, at: level).x0
        }
        return denoised
    }

    /// What the network says of each row of a batch.
    private func predictions(_ x: Sample, _ level: NoiseLevel, _ stretch: Stretch) throws -> Predictions {
        let output = try evaluate(stretch.evaluator, x, level)
        func row(_ index: Int) -> Sample { shape.sample(index, of: output, in: x.pool) }
        if let weights = stretch.phase.composition {
            let composed = Guidance.composed(unconditional: row(0), weights: weights) { row($0 + 1) }
            return Predictions(unconditional: stretch.phase.isGuided ? row(0) : nil, conditional: composed)
        }
        let (count, isPerturbed) = (stretch.phase.rows, stretch.phase.isPerturbed)
        return Predictions(
            unconditional: count > 1 ? row(0) : nil, picture: count == 3 ? row(1) : nil,
            conditional: row(count - 1), perturbed: isPerturbed ? row(count) : nil)
    }

    /// What the network says of x when that is blurred where it looks: of what it predicts, clean, noised as it was.
    private func degradedPrediction(
        _ x: Sample, _ output: Sample, _ level: NoiseLevel, _ evaluator: Evaluator, _ map: AttentionMap
    ) throws -> Sample {
        let clear = parameterization.denoised(x: x, output: output, at: level)
        let blurred = map.withValues { values in
            SelfAttentionGuidance.degraded(
                clear.x0, where: SelfAttentionGuidance.Map(values, height: map.height, width: map.width),
                height: shape.height, width: shape.width)
        }
        let noised = level.alpha * blurred + level.sigma * clear.epsilon
        return shape.sample(0, of: try evaluate(evaluator, noised, level), in: x.pool)
    }

    private func evaluate(_ evaluator: Evaluator, _ x: Sample, _ level: NoiseLevel) throws -> Tensor {
        try evaluator(x, scale: parameterization.inputScale(at: level), timestep: level.timestep)
    }
}
