import Limn
import Sampling
import TestSupport
import Testing

/// Whole runs under every kind of guidance against diffusers' pipelines, and against the published formulas within
/// them (Tools/reference/guidance.py).
@Suite(.serialized) struct GuidedRunsTests {
    static let fixtures = [
        ("guided-a", "pipeline-a", 12), ("guided-b", "pipeline-b", 3), ("pag-a", "pipeline-a", 7),
        ("pag-xl", "pipeline-xl", 4), ("sag-a", "pipeline-a", 3), ("sag-b", "pipeline-b", 1),
    ]

    /// The project's bar is 1e-3.
    static let tolerance = 1e-4

    @Test(arguments: fixtures)
    func runsEndInTheLatentsOfTheReference(_ fixture: String, _ model: String, _ count: Int) async throws {
        let reference = try ReferenceRuns(fixture)
        let model = try await Model.load(
            from: Fixtures.path(model), options: LoadOptions(threads: 2, precision: .float32))
        var worst = 0.0
        for (index, run) in reference.runs.enumerated() {
            var request = try reference.request(index)
            var scheduler = reference.scheduler(index)
            // diffusers' schedulers threshold by themselves; here the request asks for it, whatever the sampler.
            scheduler.thresholding = false
            await model.use(scheduler)
            let expected = try reference.latents.float32("\(run.name).latents")
            let drawn = try #require(try await model.generate(request).first?.latents)
            let error = relativeError(drawn.values, expected)
            #expect(error < Self.tolerance, "\(fixture) \(run.name)")
            worst = max(worst, error)

            // The reference would prove little if it were the same without.
            request.guidance = GuidanceOptions()
            let plain = try #require(try await model.generate(request).first?.latents)
            #expect(relativeError(plain.values, expected) > 1e-2, "\(fixture) \(run.name)")
        }
        print("\(fixture): \(reference.runs.count) runs, worst error \(worst)")
        #expect(reference.runs.count == count)
    }

    /// The scheduler configuration's own thresholding, which the request's is like.
    @Test func schedulersThresholdThemselvesToo() async throws {
        let reference = try ReferenceRuns("guided-a")
        let index = try #require(reference.runs.firstIndex { $0.name == "threshold-own" })
        let model = try await Model.load(
            from: Fixtures.path("pipeline-a"), options: LoadOptions(threads: 2, precision: .float32))
        await model.use(reference.scheduler(index))
        var request = try reference.request(index)
        request.guidance = GuidanceOptions()
        let latents = try #require(try await model.generate(request).first?.latents)
        let expected = try reference.latents.float32("threshold-own.latents")
        #expect(relativeError(latents.values, expected) < Self.tolerance)
    }

    /// Settings under which nothing happens give the same bits as none.
    @Test func whatIsNotUsedChangesNothing() async throws {
        let model = try await TinyModel.load()
        func latents(_ change: (inout Request) -> Void) async throws -> Latents? {
            var request = TinyModel.request()
            change(&request)
            return try await model.generate(request)[0].latents
        }
        let plain = try await latents { _ in }
        #expect(try await latents { $0.guidance.start = 0 } == plain)
        #expect(try await latents { $0.guidance.sigmas = .init(low: 0, high: 1e6) } == plain)
        #expect(try await latents { $0.guidance.curve = .init(shape: "values", values: [5]) } == plain)
        #expect(try await latents { $0.guidance.curve = .init(shape: "linear", values: [5]) } == plain)
        #expect(try await latents { $0.guidance.perturbedAttention = .init(scale: 0) } == plain)
        #expect(try await latents { $0.guidance.selfAttentionScale = 0 } == plain)
        let unguided = try await latents { $0.guidanceScale = 1 }
        #expect(try await latents { $0.guidance.start = 1 } == unguided)
        #expect(try await latents { $0.guidance.sigmas = .init(low: 1e5, high: 1e6) } == unguided)
    }

    static let kinds: [(String, @Sendable (inout GuidanceOptions) -> Void)] = [
        ("start", { $0.start = 0.3 }), ("sigmas", { $0.sigmas = .init(low: 0.3, high: 5) }),
        ("curve", { $0.curve = .init(shape: "values", values: [1, 7, 2]) }),
        ("PAG", { $0.perturbedAttention = .init(scale: 3) }), ("SAG", { $0.selfAttentionScale = 0.75 }),
        ("APG", { $0.adaptiveProjection = .init() }), ("mimic", { $0.dynamicThresholding = .init(scale: 3) }),
        ("threshold", { $0.threshold = .init(ratio: 0.9, range: 1) }),
        (
            "all",
            {
                ($0.start, $0.curve) = (0.2, .init(shape: "linear", values: [1]))
                ($0.perturbedAttention, $0.selfAttentionScale) = (.init(scale: 2, layers: ["mid", "up"]), 0.5)
                ($0.adaptiveProjection, $0.threshold) = (.init(eta: 0.5), .init(range: 3))
            }
        ),
    ]

    @Test func theSameBytesHoweverTheyAreDrawn() async throws {
        let model = try await TinyModel.load()
        let other = try await TinyModel.load(threads: 3)
        let plain = try await model.generate(TinyModel.request())[0]
        for (name, change) in Self.kinds {
            var request = TinyModel.request()
            request.count = 2
            change(&request.guidance)
            let pictures = try await model.generate(request)
            #expect(pictures[0].latents != plain.latents, "\(name)")
            #expect(try await other.generate(request) == pictures, "\(name)")
            var second = request
            (second.count, second.seed) = (1, 8)
            #expect(try await model.generate(second)[0].pngData() == pictures[1].pngData(), "\(name)")
        }
    }

    @Test func itIsDrawnAgainFromItsFile() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        for (name, change) in Self.kinds {
            var request = TinyModel.request(steps: 3)
            change(&request.guidance)
            let picture = try await model.generate(request)[0]
            try picture.write(to: folder.file(name + ".png"))
            let recipe = try Recipe(contentsOf: folder.file(name + ".png"))
            let again = try recipe.request()
            #expect(again.guidance == request.guidance)
            #expect(try await model.generate(again)[0].pngData() == picture.pngData(), "\(name)")
        }
    }

    /// The extension's own words in a webui's picture.
    @Test func theWebUIsDynamicThresholdingIsRead() async throws {
        let text = """
            a cat
            Steps: 20, Sampler: Euler, CFG scale: 12, Seed: 3, Size: 64x64, Dynamic thresholding enabled: True, \
            Mimic scale: 7, Separate Feature Channels: False, Scaling Startpoint: ZERO, Variability Measure: STD, \
            Interpolate Phi: 0.7, Threshold percentile: 98.5, Mimic mode: Half Cosine Down, Mimic scale minimum: 2, \
            CFG mode: Power Up, CFG scale minimum: 1, Scheduler value: 3
            """
        let recipe = try GuidanceFixtures.recipe(text)
        let read = try #require(try recipe.request().guidance.dynamicThresholding)
        var expected = GuidanceOptions.MimicScale(scale: 7)
        (expected.separateChannels, expected.startpoint, expected.variability) = (false, "zero", "std")
        (expected.phi, expected.percentile, expected.power) = (0.7, 0.985, 3)
        (expected.mode, expected.minimum) = ("half-cosine-down", 2)
        (expected.guidanceMode, expected.guidanceMinimum) = ("power-up", 1)
        #expect(read == expected)
        // What limn writes there reads back the same.
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.guidance.dynamicThresholding = expected
        let folder = try TemporaryFolder()
        try await model.generate(request)[0].write(to: folder.file("a.png"))
        let own = try #require(try Recipe(contentsOf: folder.file("a.png")).parameters)
        #expect(try GuidanceFixtures.recipe(own).request().guidance.dynamicThresholding == expected)
    }

    @Test func inpaintingTakesThem() async throws {
        let model = try await TinyModel.load("pipeline-inpaint")
        var request = TinyModel.request()
        request.source.picture = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.source.mask = try TinyModel.mask { x, _ in x > 30 }
        let plain = try await model.generate(request)[0]
        for (name, change) in Self.kinds {
            var guided = request
            change(&guided.guidance)
            #expect(try await model.generate(guided)[0].latents != plain.latents, "\(name)")
        }
    }
}
