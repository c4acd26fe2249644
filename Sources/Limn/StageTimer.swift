import Models
import Tensors

/// Runs a model's stages and takes their times.
final class StageTimer {
    let compute: Compute
    private let threads: Int
    private let repeats: Int
    private let precision: Precision
    private let tell: (String) -> Void
    /// Where integers are only some of the operands, the peak is that of the others.
    private var peakName: String { precision == .int8 ? Precision.bfloat16.rawValue : precision.rawValue }
    /// GFLOP/s that products reach at most, by the name of their precision.
    private var peaks: [String: Double] = [:]
    private(set) var stages: [BenchmarkResult.Stage] = []

    init(
        _ options: Benchmark.Options, tell: @escaping (String) -> Void, isCancelled: @escaping @Sendable () -> Bool
    ) throws {
        let threads = options.threads ?? ProcessorCount.available
        guard (1...1024).contains(threads), (1...1000).contains(options.repeats) else {
            throw LimnError("threads must be 1 to 1024 and repeats 1 to 1000", isUsage: true)
        }
        let kernels = try Kernels.chosen()
        let precision = options.precision ?? .usual(with: kernels)
        compute = try Compute(
            kernels: kernels, threads: threads, operands: precision.operands, isCoarse: precision.isCoarse)
        compute.isCancelled = isCancelled
        (self.threads, repeats, self.precision, self.tell) = (threads, options.repeats, precision, tell)
    }

    func note(_ text: String) { tell(text) }

    func result() -> BenchmarkResult {
        BenchmarkResult(
            precision: precision.rawValue, threads: threads, kernels: compute.kernels.name, repeats: repeats,
            peakGflops: peaks, packedWeightsBytes: compute.packedByteCount, peakMemoryBytes: peakMemoryBytes(),
            stages: stages)
    }

    // MARK: Stages

    /// - Parameters:
    ///   - encoders: run after each other on the same ids, as SDXL wants it
    ///   - ids: [texts][tokens]
    /// - Returns: the last encoder's states
    @discardableResult
    func textEncoder(_ encoders: [any TextEncoder], ids: [[Int]]) throws -> Tensor {
        try time(.textEncoder, input: [ids.count, ids.first?.count ?? 0]) {
            var states: Tensor?
            for encoder in encoders {
                states = try encoder(
                    ids.map { EncoderTokens(ids: $0, count: $0.count) }, TextLayer(skipped: 0, isNormalised: true),
                    compute
                ).states
            }
            guard let states else { throw LimnError("there is no text encoder") }
            return states
        }
    }

    /// One evaluation. What depends on the text alone is computed before, once, as it is for a picture.
    ///
    /// - Parameters:
    ///   - latents: [batch, height, width, channels]
    ///   - text: [batch, 1, tokens, channels]
    @discardableResult
    func unet(
        _ unet: UNet2DConditionModel, latents: Tensor, timestep: Float, text: Tensor,
        addition: [AdditionalConditions]? = nil
    ) throws -> Tensor {
        let conditioning = try unet.condition(on: text, addition: addition, compute)
        try unet.plan(height: latents.height, width: latents.width, conditioning, compute)
        return try time(.unet, input: latents.channelsFirstShape) {
            try unet(latents, timestep: timestep, conditioning, compute)
        }
    }

    /// - Parameter picture: [batch, height, width, 3]
    @discardableResult
    func encoder(_ vae: any Autoencoder, picture: Tensor) throws -> Tensor {
        try time(.vaeEncoder, input: picture.channelsFirstShape) { try vae.encode(picture, compute) }
    }

    /// - Parameter latents: [batch, height, width, channels]
    @discardableResult
    func decoder(_ vae: any Autoencoder, latents: Tensor) throws -> Tensor {
        try time(.vaeDecoder, input: latents.channelsFirstShape) { try vae.decode(latents, compute) }
    }

    // MARK: Time

    private func measurePeaks() throws {
        for precision in [Precision.float32, .bfloat16] where compute.kernels.multiplies(precision.operands) {
            let machine = try Compute(kernels: compute.kernels, threads: threads, operands: precision.operands)
            machine.isCancelled = compute.isCancelled
            peaks[precision.rawValue] = try machine.peakRate() * 1e-9
        }
    }

    /// Runs `body` once uncounted, for the first run touches fresh memory, and then as often as is wanted.
    ///
    /// - Returns: what the last run gave
    private func time(_ name: StageName, input: [Int], _ body: () throws -> Tensor) throws -> Tensor {
        if peaks.isEmpty { try measurePeaks() }
        note("timing the \(name.words), input \(input.map(String.init).joined(separator: "×"))")
        defer { compute.profile = nil }
        var output = try body()
        var runs: [(seconds: Double, profile: Profile)] = []
        for _ in 0..<repeats {
            compute.profile = Profile()
            let start = Compute.seconds
            let result = try body()
            runs.append((Compute.seconds - start, compute.profile ?? Profile()))
            output = result
        }
        stages.append(stage(name, input: input, runs))
        output = try output.copy()
        compute.arena.releaseMemory()
        return output
    }

    /// - Parameter runs: at least one; the breakdown is that of the fastest
    private func stage(
        _ name: StageName, input: [Int], _ runs: [(seconds: Double, profile: Profile)]
    ) -> BenchmarkResult.Stage {
        let ordered = runs.sorted { $0.seconds < $1.seconds }
        let best = ordered[0]
        let median = (ordered[(runs.count - 1) / 2].seconds + ordered[runs.count / 2].seconds) / 2
        let entries = best.profile.entries
        func rate(_ operations: Double, _ seconds: Double) -> BenchmarkResult.Rate {
            let gflops = operations / max(seconds, 1e-9) * 1e-9
            return BenchmarkResult.Rate(
                gflops: gflops, shareOfPeak: peaks[peakName].map { gflops / max($0, 1e-9) } ?? 0)
        }
        return BenchmarkResult.Stage(
            name: name.rawValue, input: input, bestSeconds: best.seconds, medianSeconds: median,
            seconds: runs.map(\.seconds),
            rate: rate(entries.values.reduce(0) { $0 + $1.operations }, best.seconds),
            arenaBytes: compute.arena.capacity * MemoryLayout<Float>.stride,
            breakdown: OperationKind.allCases.compactMap { kind in
                entries[kind].map {
                    BenchmarkResult.Kind(
                        kind: kind.rawValue, calls: $0.calls, seconds: $0.seconds,
                        rate: rate($0.operations, $0.seconds))
                }
            })
    }
}

extension Tensor {
    /// The shape as checkpoints and diffusers have it.
    fileprivate var channelsFirstShape: [Int] { [batch, channels, height, width] }
}
