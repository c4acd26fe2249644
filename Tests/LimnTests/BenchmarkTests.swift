import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

@Suite struct BenchmarkTests {
    /// It works on a thread of no task, which has to be told.
    @Test(.timeLimit(.minutes(10))) func aCancelledBenchmarkStops() async throws {
        let task = Task {
            // An hour of work: other tests may keep this one from its turn for a while.
            var options = Benchmark.Options(shape: "icons-128")
            (options.repeats, options.threads, options.precision) = (1000, 1, .float32)
            (options.width, options.height) = (512, 512)
            _ = try await Benchmark.run(options)
        }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aShapeIsTimedStageByStage() async throws {
        var options = Benchmark.Options(shape: "icons-128")
        (options.repeats, options.threads, options.batch) = (2, 1, 2)
        (options.width, options.height, options.precision) = (32, 16, .float32)
        let result = try await Benchmark.run(options)
        #expect(result.stages.map(\.name) == ["text_encoder", "unet", "vae_encoder", "vae_decoder"])
        #expect(result.stages.map(\.input) == [[4, 40], [4, 4, 4, 8], [2, 3, 16, 32], [2, 4, 4, 8]])
        for stage in result.stages {
            #expect(stage.seconds.count == 2 && stage.bestSeconds == stage.seconds.min())
            #expect(stage.medianSeconds >= stage.bestSeconds && stage.medianSeconds <= stage.seconds.max() ?? 0)
            let parts = stage.breakdown.reduce(0) { $0 + $1.seconds }
            #expect(parts > 0 && parts <= stage.bestSeconds, "\(stage.name)")
            #expect(stage.rate.gflops > 0 && stage.rate.shareOfPeak > 0 && stage.arenaBytes > 0, "\(stage.name)")
        }
        #expect((result.peakGflops["f32"] ?? 0) > 0)
        // 20 million parameters of 4 bytes each, and the zeros that fill up panels.
        #expect(result.packedWeightsBytes > 50 << 20 && result.packedWeightsBytes < 200 << 20)
        #expect(result.peakMemoryBytes > 10 << 20)
        let text = result.description
        for word in ["icons-128 32×16, 2 pictures, f32", "median", "convolution", "peak, f32", "packed weights"] {
            #expect(text.contains(word), "\(word)")
        }
        #expect(try JSONDecoder().decode(BenchmarkResult.self, from: JSONEncoder().encode(result)).stages.count == 4)
    }

    @Test func batchesThatAreNotPossible() async {
        for batch in [0, -1, 257] {
            var options = Benchmark.Options(shape: "icons-128")
            options.batch = batch
            let shown = await message { _ = try await Benchmark.run(options) }
            #expect(shown?.contains("batch") == true, "\(batch)")
        }
    }
}

/// A folder's stages on given inputs.
@Suite struct GivenBenchmarkTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var inputs: String { folder.file("inputs.safetensors") }
    private var outputs: String { folder.file("outputs.safetensors") }

    /// Three of the fixtures' networks that fit together, as one model.
    private func model() throws -> String {
        let path = folder.file("model")
        let manager = FileManager.default
        try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (part, fixture) in [
            ("text_encoder", "text-a"), ("unet", "unet-a"), ("vae", "vae-a"), ("tokenizer", "pipeline-a/tokenizer"),
            ("scheduler", "pipeline-a/scheduler"),
        ] {
            try manager.createSymbolicLink(
                atPath: path + "/" + part, withDestinationPath: Fixtures.path(fixture))
        }
        return path
    }

    /// A fixture's reference tensor, to be an input under another name.
    private func reference(_ fixture: String, _ name: String, as input: String) throws -> OutputTensor {
        let file = try SafetensorsFile(path: Fixtures.path(fixture) + "/reference.safetensors")
        let info = try file.info(name)
        return OutputTensor(
            name: input, dtype: info.dtype, shape: info.shape, bytes: try file.withBytes(of: name) { Array($0) })
    }

    private func run(_ tensors: [OutputTensor], model: String? = nil) async throws -> BenchmarkResult {
        try SafetensorsWriter.write(tensors, to: inputs)
        var options = Benchmark.Options(
            Benchmark.Given(model: try model ?? self.model(), inputs: inputs, outputs: outputs))
        (options.repeats, options.threads, options.precision) = (1, 2, .float32)
        return try await Benchmark.run(options)
    }

    @Test func itGivesWhatDiffusersGives() async throws {
        let result = try await run([
            try reference("text-a", "ids", as: "text_encoder.ids"),
            try reference("unet-a", "0.sample", as: "unet.latents"),
            try reference("unet-a", "0.timestep", as: "unet.timestep"),
            try reference("unet-a", "0.encoder_hidden_states", as: "unet.states"),
            try reference("vae-a", "image", as: "vae_encoder.picture"),
            try reference("vae-a", "latents", as: "vae_decoder.latents"),
        ])
        #expect(result.model == "model" && result.shape == nil)
        #expect(result.stages.map(\.name) == ["text_encoder", "unet", "vae_encoder", "vae_decoder"])
        let given = try SafetensorsFile(path: outputs)
        #expect(given.tensors.count == 4)
        for (name, fixture, expected) in [
            ("text_encoder.states", "text-a", "last_hidden_state"), ("unet.output", "unet-a", "0.output"),
            ("vae_encoder.moments", "vae-a", "moments"), ("vae_decoder.picture", "vae-a", "decoded"),
        ] {
            let file = try SafetensorsFile(path: Fixtures.path(fixture) + "/reference.safetensors")
            #expect(try given.info(name).shape == file.info(expected).shape)
            #expect(relativeError(try given.float32(name), try file.float32(expected)) < 1e-5, "\(name)")
        }
    }

    @Test func oneStageAlone() async throws {
        let result = try await run([try reference("vae-a", "latents", as: "vae_decoder.latents")])
        #expect(result.stages.map(\.name) == ["vae_decoder"])
        #expect(try SafetensorsFile(path: outputs).tensors.keys.sorted() == ["vae_decoder.picture"])
    }

    @Test func inputsThatDoNotFit() async throws {
        func floats(_ name: String, _ shape: [Int]) -> OutputTensor {
            OutputTensor(name: name, shape: shape, values: Array(repeating: 0.5, count: shape.reduce(1, *)))
        }
        let model = try model()
        func error(_ tensors: [OutputTensor]) async -> String {
            await message { _ = try await run(tensors, model: model) } ?? "no error"
        }
        #expect(await error([]).contains("no inputs"))
        #expect(await error([floats("unet.lattens", [1])]).contains("unet.lattens"))
        #expect(await error([floats("unet.latents", [1, 4, 8, 8])]).contains("unet.timestep"))
        #expect(await error([floats("vae_decoder.latents", [1, 3, 8, 8])]).contains("3 channels"))
        #expect(await error([floats("vae_decoder.latents", [4, 8, 8])]).contains("4 dimensions"))
        #expect(await error([floats("vae_decoder.latents", [0, 4, 8, 8])]).contains("dimensions"))
        #expect(await error([floats("vae_encoder.picture", [1, 3, 8, 9])]).contains("multiples"))
        let unet = [floats("unet.latents", [2, 4, 8, 8]), floats("unet.timestep", [1])]
        #expect(await error(unet + [floats("unet.states", [1, 5, 32])]).contains("one text a row"))
        #expect(await error(unet + [floats("unet.states", [2, 5, 31])]).contains("31"))
        #expect(await error([floats("text_encoder.ids", [1, 4])]).contains("text_encoder.ids"))
        let ids = [Int64(0), 1 << 40].flatMap { id in (0..<8).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) } }
        let badIDs = OutputTensor(name: "text_encoder.ids", dtype: .i64, shape: [1, 2], bytes: ids)
        #expect(await error([badIDs]).contains("\(1 << 40)"))
    }

    @Test func sizesAreThoseOfTheInputs() async throws {
        try SafetensorsWriter.write([try reference("vae-a", "latents", as: "vae_decoder.latents")], to: inputs)
        var options = Benchmark.Options(Benchmark.Given(model: try model(), inputs: inputs))
        options.batch = 2
        #expect(await message { _ = try await Benchmark.run(options) }?.contains("leave them out") == true)
    }
}

@Suite struct BenchmarkPlanTests {
    @Test func thePlanNamesEveryLayerOfAShape() async throws {
        let plan = try await BenchmarkPlan.make(shape: "sd15", precision: .float32)
        #expect(
            plan.parts.map { String($0.name.prefix(10)) } == ["text encod", "UNet, one ", "VAE encode", "VAE decode"])
        // Queries, keys and values as one, the output, and two of a feed-forward, 12 times.
        #expect(plan.parts[0].rows.reduce(0) { $0 + $1.count } == 12 * 4)
        let unet = plan.parts[1].rows
        #expect(unet.filter { $0.stride == 2 }.allSatisfy { $0.algorithm == "direct" && $0.kernel == 3 })
        let wide = try #require(
            unet.first { $0.kernel == 3 && $0.stride == 1 && $0.inChannels == 320 && $0.size == [2, 64, 64] })
        #expect(wide.count == 7)
        #expect(abs(wide.gflop - 105.7) < 0.1)
        #expect(wide.algorithm == "F(4×4)")
        #expect(wide.packedBytes >= 7 * 36 * 320 * 320 * 4)
        let deep = try #require(unet.first { $0.kernel == 3 && $0.stride == 1 && $0.size == [2, 8, 8] })
        #expect(deep.algorithm == "direct")
        #expect(plan.description.contains("VAE decode"))
    }

    @Test func theCoarsePlanHasIntegersInTransformerBlocks() async throws {
        // Not every CPU multiplies 8-bit integers.
        guard let plan = try? await BenchmarkPlan.make(shape: "sd15", precision: .int8) else { return }
        let unet = plan.parts[1].rows
        let integers = unet.filter { $0.algorithm == "int8" }
        // Queries, keys and values as one; the query of the text; two outputs; a feed-forward's two.
        #expect(integers.reduce(0) { $0 + $1.count } == 16 * 6)
        #expect(integers.allSatisfy { $0.kernel == 1 })
        #expect(try #require(plan.parts.last).rows.allSatisfy { $0.algorithm != "int8" })
    }

    @Test func thePlanRefusesWhatIsNotAShape() async throws {
        await #expect(throws: LimnError.self) { try await BenchmarkPlan.make(shape: "sd9", precision: .float32) }
        await #expect(throws: LimnError.self) {
            try await BenchmarkPlan.make(shape: "sd15", precision: .float32, width: 13)
        }
    }
}
