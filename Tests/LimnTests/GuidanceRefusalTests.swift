import Images
import Limn
import TestSupport
import Testing

enum GuidanceFixtures {
    /// What a webui's picture with this text says.
    static func recipe(_ parameters: String) throws -> Recipe {
        let folder = try TemporaryFolder()
        let image = try Image(width: 1, height: 1, channels: 1, pixels: [0])
        try PNG.write(image, text: [("parameters", parameters)], to: folder.file("text.png"))
        return try Recipe(contentsOf: folder.file("text.png"))
    }
}

/// Guidance that cannot be is refused with words that say why.
@Suite(.serialized) struct GuidanceRefusalTests {
    private typealias Change = (inout Request) -> Void

    private func expect(_ cases: [(String, Change)], of model: Model) async {
        for (word, change) in cases {
            var request = TinyModel.request()
            change(&request)
            let text = await message { _ = try await model.generate(request) }
            #expect(text?.contains(word) == true, "\(word): \(text ?? "no error")")
            #expect((text?.count ?? 0) < 600)
        }
    }

    private func mimic(_ change: (inout GuidanceOptions.MimicScale) -> Void) -> GuidanceOptions.MimicScale {
        var mimic = GuidanceOptions.MimicScale(scale: 7)
        change(&mimic)
        return mimic
    }

    @Test func whatIsOutOfRangeIsNamed() async throws {
        let cases: [(String, Change)] = [
            ("guidance start", { $0.guidance.start = -0.1 }), ("guidance start", { $0.guidance.start = .nan }),
            ("after its end", { ($0.guidance.start, $0.guidanceEnd) = (0.6, 0.5) }),
            ("lower one first", { $0.guidance.sigmas = .init(low: 5, high: 1) }),
            ("lower one first", { $0.guidance.sigmas = .init(low: .nan, high: 1) }),
            ("lower one first", { $0.guidance.sigmas = .init(low: 0, high: .infinity) }),
            ("0 to 1000", { $0.guidance.curve = .init(shape: "values", values: [1, .nan]) }),
            ("0 to 1000", { $0.guidance.curve = .init(shape: "linear", values: [-1]) }),
            ("1 to 1000 values", { $0.guidance.curve = .init(shape: "values", values: []) }),
            ("one value", { $0.guidance.curve = .init(shape: "cosine", values: [1, 2]) }),
            ("linear, cosine", { $0.guidance.curve = .init(shape: "wave", values: [1]) }),
            ("PAG scale", { $0.guidance.perturbedAttention = .init(scale: -1) }),
            ("PAG adaptive", { $0.guidance.perturbedAttention = .init(scale: 1, adaptiveScale: .infinity) }),
            ("layers", { $0.guidance.perturbedAttention = .init(scale: 1, layers: []) }),
            ("SAG scale", { $0.guidance.selfAttentionScale = .nan }),
            ("SAG scale", { $0.guidance.selfAttentionScale = 101 }),
            ("APG eta", { $0.guidance.adaptiveProjection = .init(eta: 2) }),
            ("APG threshold", { $0.guidance.adaptiveProjection = .init(threshold: -1) }),
            ("APG momentum", { $0.guidance.adaptiveProjection = .init(momentum: 1) }),
            ("mimic scale", { $0.guidance.dynamicThresholding = .init(scale: -2) }),
            ("percentile", { [self] in $0.guidance.dynamicThresholding = mimic { $0.percentile = 0 } }),
            ("did you mean power-up", { [self] in $0.guidance.dynamicThresholding = mimic { $0.mode = "powr-up" } }),
            ("mean, zero", { [self] in $0.guidance.dynamicThresholding = mimic { $0.startpoint = "x" } }),
            ("ad, std", { [self] in $0.guidance.dynamicThresholding = mimic { $0.variability = "" } }),
            ("phi", { [self] in $0.guidance.dynamicThresholding = mimic { $0.phi = 1.5 } }),
            ("x0 threshold", { $0.guidance.threshold = .init(ratio: 1.5) }),
            ("range", { $0.guidance.threshold = .init(range: 0) }),
            ("maximum", { $0.guidance.threshold = .init(range: 3, maximum: 2) }),
        ]
        await expect(cases, of: try await TinyModel.load())
    }

    @Test func whatDoesNotGoTogetherIsRefused() async throws {
        let cases: [(String, Change)] = [
            (
                "give one of them",
                { ($0.guidance.adaptiveProjection, $0.guidance.dynamicThresholding) = (.init(), .init(scale: 7)) }
            ),
            ("above 1", { ($0.guidance.adaptiveProjection, $0.guidanceScale) = (.init(), 1) }),
            ("above 1", { ($0.guidance.dynamicThresholding, $0.guidanceScale) = (.init(scale: 3), 1) }),
            ("--cache-interval", { ($0.guidance.selfAttentionScale, $0.cacheInterval) = (1, 2) }),
            (
                "mid_block.attentions.0",
                { $0.guidance.perturbedAttention = .init(scale: 3, layers: ["mid", "down_blocks.1"]) }
            ),
            ("no self-attention", { $0.guidance.perturbedAttention = .init(scale: 3, layers: [""]) }),
            ("no self-attention", { $0.guidance.perturbedAttention = .init(scale: 3, layers: ["mid_blo"]) }),
        ]
        await expect(cases, of: try await TinyModel.load())
    }

    @Test func modelsThatCannotBeGuidedSoSayIt() async throws {
        // Without a middle.
        await expect(
            [
                ("in its middle", { $0.guidance.selfAttentionScale = 1 }),
                ("no self-attention in \"mid\"", { $0.guidance.perturbedAttention = .init(scale: 3) }),
            ], of: try await TinyModel.load("pipeline-sdxs"))
        await expect(
            [("told one guidance scale", { $0.guidance.curve = .init(shape: "linear", values: [1]) })],
            of: try await TinyModel.load("pipeline-lcm"))
        let picture = try TinyModel.picture { _, _ in 9 }
        await expect(
            [
                ("guided by a picture too", { ($0.initImage, $0.guidance.selfAttentionScale) = (picture, 1) }),
                ("guided by a picture too", { ($0.initImage, $0.guidance.adaptiveProjection) = (picture, .init()) }),
                (
                    "guided by a picture too",
                    { ($0.initImage, $0.guidance.perturbedAttention) = (picture, .init(scale: 3)) }
                ),
                (
                    "guided by a picture too",
                    { ($0.initImage, $0.guidance.dynamicThresholding) = (picture, .init(scale: 3)) }
                ),
            ], of: try await TinyModel.load("pipeline-edit"))
    }

    @Test func aRefinerAndSelfAttentionGuidanceDoNotGoTogether() async throws {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.refiner = Fixtures.path("pipeline-xl-refiner")
        let model = try await Model.load(from: Fixtures.path("pipeline-xl"), options: options)
        await expect([("refiner", { ($0.guidance.selfAttentionScale, $0.sampler) = (1, nil) })], of: model)
        // Perturbed attention does: both networks have a middle.
        var request = TinyModel.request()
        request.sampler = nil
        let plain = try await model.generate(request)[0]
        request.guidance.perturbedAttention = .init(scale: 3)
        #expect(try await model.generate(request)[0].latents != plain.latents)
    }

    @Test func theWordsOfFlagsAreUnderstood() throws {
        #expect(try GuidanceOptions.Curve(parsing: "linear:1.5") == .init(shape: "linear", values: [1.5]))
        #expect(try GuidanceOptions.Curve(parsing: "1,8,3") == .init(shape: "values", values: [1, 8, 3]))
        #expect(try GuidanceOptions.Sigmas(parsing: "0.28,5.42") == .init(low: 0.28, high: 5.42))
        #expect(try GuidanceOptions.AdaptiveProjection(parsing: "on") == .init())
        #expect(
            try GuidanceOptions.AdaptiveProjection(parsing: "momentum=-0.75,eta=0.1")
                == .init(eta: 0.1, threshold: 15, momentum: -0.75))
        #expect(try GuidanceOptions.Threshold(parsing: "0.99,range=4") == .init(ratio: 0.99, range: 4))
        let mimic = try GuidanceOptions.MimicScale(parsing: "5,channels=together,mode=sawtooth,phi=0.5")
        #expect(mimic == self.mimic { ($0.scale, $0.separateChannels, $0.mode, $0.phi) = (5, false, "sawtooth", 0.5) })
    }

    @Test func otherWordsAreNot() async {
        let cases: [(String, () throws -> Void)] = [
            ("no guidance curve", { _ = try GuidanceOptions.Curve(parsing: "") }),
            ("no guidance curve", { _ = try GuidanceOptions.Curve(parsing: "linear:1:2") }),
            ("no guidance curve", { _ = try GuidanceOptions.Curve(parsing: "cosine") }),
            ("no noise levels", { _ = try GuidanceOptions.Sigmas(parsing: "5") }),
            ("did you mean eta", { _ = try GuidanceOptions.AdaptiveProjection(parsing: "etta=1") }),
            ("wants a number", { _ = try GuidanceOptions.AdaptiveProjection(parsing: "eta=x") }),
            ("key=value", { _ = try GuidanceOptions.AdaptiveProjection(parsing: "0.5") }),
            ("twice", { _ = try GuidanceOptions.Threshold(parsing: "0.9,ratio=0.8") }),
            ("separate or together", { _ = try GuidanceOptions.MimicScale(parsing: "7,channels=both") }),
        ]
        for (word, body) in cases {
            let text = await message(body)
            #expect(text?.contains(word) == true, "\(word): \(text ?? "no error")")
        }
    }
}
