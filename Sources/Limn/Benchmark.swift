import Checkpoints
import FoundationEssentials
import Layers
import Models
import Tensors

/// Times the networks of a known shape on random weights; no file is needed.
///
///     var options = Benchmark.Options(shape: "sd15")
///     options.repeats = 3
///     print(try await Benchmark.run(options) { print($0) })
public enum Benchmark {
    /// Names of the shapes that can be timed.
    public static let shapes = BenchmarkShape.all.map(\.name)

    public struct Options: Sendable {
        /// One of `shapes`.
        public var shape: String
        public var precision = Precision.float32
        /// How often each stage is timed; the best counts.
        public var repeats = 3
        /// nil: the cores available to the process.
        public var threads: Int?
        /// Picture size in pixels; nil for the shape's own.
        public var width: Int?
        public var height: Int?

        public init(shape: String) { self.shape = shape }
    }

    /// - Parameter tell: called with a line about what is being done
    /// - Throws: `LimnError` if the options are not possible, `CancellationError` if the task was cancelled
    public static func run(
        _ options: Options, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> BenchmarkResult {
        try await ModelExecutor.detached { isCancelled in
            try withLimnErrors { try Run(options, tell: tell, isCancelled: isCancelled).result() }
        }
    }
}

/// One run of the benchmark.
private struct Run {
    let options: Benchmark.Options
    let shape: BenchmarkShape
    let compute: Compute
    let threads: Int
    let width: Int
    let height: Int
    let tell: (String) -> Void

    init(
        _ options: Benchmark.Options, tell: @escaping (String) -> Void, isCancelled: @escaping @Sendable () -> Bool
    ) throws {
        guard let shape = BenchmarkShape.all.first(where: { $0.name == options.shape }) else {
            throw LimnError(
                "there is no shape \"\(options.shape)\"; known are \(Benchmark.shapes.joined(separator: ", "))",
                isUsage: true)
        }
        let factor = shape.vae.factor
        (width, height) = (options.width ?? shape.size, options.height ?? shape.size)
        for side in [width, height] where side < factor || side > 16384 || side % factor != 0 {
            throw LimnError("a side of \(side) pixels must be a multiple of \(factor), at most 16384", isUsage: true)
        }
        threads = options.threads ?? ProcessorCount.available
        guard (1...1024).contains(threads), (1...1000).contains(options.repeats) else {
            throw LimnError("threads must be 1 to 1024 and repeats 1 to 1000", isUsage: true)
        }
        compute = try Compute(
            kernels: try Kernels.chosen(), threads: threads, operands: options.precision.operands)
        compute.isCancelled = isCancelled
        (self.options, self.shape, self.tell) = (options, shape, tell)
    }

    func result() throws -> BenchmarkResult {
        var result = BenchmarkResult(
            shape: shape.name, precision: options.precision.rawValue, threads: threads, kernels: compute.kernels.name,
            width: width, height: height, repeats: options.repeats)
        let weights = Weights.random(seed: 1)
        func source(_ part: String) -> LayerSource { LayerSource(weights.scoped(part), compute: compute) }

        tell("packing random weights of shape \(shape.name)")
        let start = Compute.seconds
        let encoders = try shape.text.enumerated().map { try CLIPTextModel(source("text\($0)"), $1) }
        let unet = try UNet2DConditionModel(source("unet"), shape.unet)
        let vae = try AutoencoderKL(source("vae"), shape.vae)
        result.packSeconds = Compute.seconds - start

        tell("timing the text encoder")
        result.textEncoderSeconds = try best {
            for encoder in encoders {
                let ids = Array(repeating: 1, count: encoder.config.maximumLength)
                _ = try encoder([ids, ids], compute)
            }
        }
        tell("timing the UNet at \(width)×\(height)")
        (result.unetSeconds, result.breakdown) = try timeUNet(unet)
        tell("timing the VAE's encoder")
        let picture = try random(batch: 1, height: height, width: width, channels: 3)
        result.vaeEncodeSeconds = try best { _ = try vae.encode(picture, compute) }
        tell("timing the VAE's decoder")
        let (h, w) = (height / shape.vae.factor, width / shape.vae.factor)
        let latents = try random(batch: 1, height: h, width: w, channels: shape.vae.latentChannels)
        result.vaeDecodeSeconds = try best { _ = try vae.decode(latents, compute) }
        result.peakMemoryBytes = peakMemoryBytes()
        return result
    }

    /// One evaluation of a pair, as guidance wants it.
    private func timeUNet(_ unet: UNet2DConditionModel) throws -> (Double, [BenchmarkResult.Kind]) {
        let config = unet.config
        let tokens = shape.text.map(\.maximumLength).max() ?? 77
        let text = try random(batch: 2, height: 1, width: tokens, channels: config.crossAttentionChannels[0])
        let addition = config.additionTimeChannels.map { channels in
            let pooled = [Float](repeating: 0.1, count: config.additionInputChannels - 6 * channels)
            return Array(
                repeating: AdditionalConditions(pooledText: pooled, timeIDs: Array(repeating: 512, count: 6)), count: 2)
        }
        let conditioning = try unet.condition(on: text, addition: addition, compute)
        let (h, w) = (height / shape.vae.factor, width / shape.vae.factor)
        let latents = try random(batch: 2, height: h, width: w, channels: config.inChannels)
        try unet.plan(height: h, width: w, conditioning, compute)
        // The breakdown is that of the evaluation that counts: the best.
        var seconds = Double.infinity
        var entries: [OperationKind: Profile.Entry] = [:]
        defer { compute.profile = nil }
        for _ in 0..<options.repeats {
            compute.profile = Profile()
            let once = try timed { _ = try unet(latents, timestep: 500, conditioning, compute) }
            guard once < seconds else { continue }
            (seconds, entries) = (once, compute.profile?.entries ?? [:])
        }
        return (
            seconds,
            OperationKind.allCases.compactMap { kind in
                entries[kind].map {
                    BenchmarkResult.Kind(
                        kind: kind.rawValue, calls: $0.calls, seconds: $0.seconds,
                        gflops: $0.operations / max($0.seconds, 1e-9) * 1e-9)
                }
            }
        )
    }

    private func best(_ body: () throws -> Void) throws -> Double {
        var best = Double.infinity
        for _ in 0..<options.repeats { best = min(best, try timed(body)) }
        return best
    }

    private func timed(_ body: () throws -> Void) rethrows -> Double {
        let start = Compute.seconds
        try body()
        return Compute.seconds - start
    }

    /// Values between −1 and 1; which ones does not matter for the time.
    private func random(batch: Int, height: Int, width: Int, channels: Int) throws -> Tensor {
        let tensor = try Tensor(batch: batch, height: height, width: width, channels: channels)
        var state: UInt32 = 1
        for index in 0..<tensor.count {
            state = state &* 1_664_525 &+ 1_013_904_223
            tensor.pointer[index] = Float(state >> 8) / Float(1 << 23) - 1
        }
        return tensor
    }
}
