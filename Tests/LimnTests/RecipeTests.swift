import Images
import Limn
import TestSupport
import Testing

@Suite(.serialized) struct RecipeTests {
    /// What no webui text can hold: lines that look like its own marks.
    static let awkwardPrompt = "a cat, \"quoted\": x\nNegative prompt: no\nSteps: 3, Sampler: y, Seed: 4\n 猫 🐈 \u{7}"

    @Test(arguments: ["a red apple", awkwardPrompt, "", "  spaces  "])
    func aPictureFromItsOwnFileIsTheSameFile(_ prompt: String) async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 3)
        (request.prompt, request.negativePrompt) = (prompt, "blurry, \"ugly\"")
        (request.sampler, request.schedule, request.sampling.eta) = ("euler_a", "karras", 0.5)
        (request.guidanceScale, request.guidance.rescale) = (4.3, 0.3)
        (request.guidance.end, request.sampling.cacheInterval) = (2 / 3, 2)
        let picture = try await model.generate(request)[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.isExact)
        #expect(recipe.modelName == "pipeline-a")
        #expect(recipe.modelFingerprint == model.fingerprint)
        let again = try await model.generate(try recipe.request())[0]
        #expect(try again.pngData() == picture.pngData())
    }

    @Test func picturesAndMasksMustBeGivenAgain() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 3)
        let original = try TinyModel.picture { x, _ in UInt8(x) }
        let mask = try TinyModel.mask { x, _ in x < 30 }
        (request.source.picture, request.source.mask) = (original, mask)
        let picture = try await model.generate(request)[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.needsInitImage && recipe.needsMask)
        #expect(await message { _ = try recipe.request() }?.contains("-i") == true)
        let other = try TinyModel.picture { x, _ in UInt8(x + 1) }
        #expect(await message { _ = try recipe.request(initImage: other, mask: mask) }?.contains("-i") == true)
        let again = try await model.generate(try recipe.request(initImage: original, mask: mask))[0]
        #expect(try again.pngData() == picture.pngData())
    }

    @Test func aBatchsNoiseServesEachOfItsPictures() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.count = 2
        let noise = try Latents(joining: try await model.generate(request).compactMap(\.latents))
        request.source.latents = noise
        let second = try await model.generate(request)[1]
        try second.write(to: folder.file("second.png"))
        let recipe = try Recipe(contentsOf: folder.file("second.png"))
        #expect(recipe.needsLatents)
        let again = try await model.generate(try recipe.request(latents: noise))[0]
        #expect(try again.pngData() == second.pngData())
    }

    @Test func theWebUIsTextIsReadAsFarAsItGoes() async throws {
        let folder = try TemporaryFolder()
        let text = """
            a castle, by night
            Negative prompt: fog
            Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 123456789012, Size: 128x64, \
            Model hash: abc, Model: dream, Clip skip: 2, Version: v1.9
            """
        let image = try Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
        try PNG.write(image, text: [("parameters", text)], to: folder.file("webui.png"))
        let recipe = try Recipe(contentsOf: folder.file("webui.png"))
        let request = try recipe.request()
        #expect(!recipe.isExact && recipe.modelName == "dream")
        #expect(request.prompt == "a castle, by night" && request.negativePrompt == "fog")
        #expect(request.steps == 30 && request.sampler == "dpm++2m" && request.schedule == "karras")
        #expect(request.guidanceScale == 6.5 && request.seed == 123_456_789_012 && request.text.clipSkip == 2)
        #expect(request.width == 128 && request.height == 64)
    }

    @Test func ourParametersAreInTheWebUIsForm() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 3)
        (request.sampler, request.schedule, request.negativePrompt) = ("dpm++2m", "karras", "fog")
        let picture = try await model.generate(request)[0]
        let folder = try TemporaryFolder()
        try picture.write(to: folder.file("a.png"))
        let expected =
            "a red apple on a green table\nNegative prompt: fog\nSteps: 3, Sampler: DPM++ 2M, "
            + "Schedule type: Karras, CFG scale: 5, Seed: 7, Size: 64x64, Model: pipeline-a, RNG: torch, "
            + "Version: limn \(limnVersion)"
        #expect(try Recipe(contentsOf: folder.file("a.png")).parameters == expected)
    }

    @Test func shortcutsAreInTheWebUIsTextToo() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 3)
        (request.guidance.end, request.sampling.cacheInterval) = (0.75, 3)
        try await model.generate(request)[0].write(to: folder.file("a.png"))
        let text = try #require(try Recipe(contentsOf: folder.file("a.png")).parameters)
        #expect(text.contains(", CFG scale: 5, Guidance end: 0.75, Cache interval: 3, Seed: 7,"))
        let image = try Image(width: 1, height: 1, channels: 1, pixels: [0])
        try PNG.write(image, text: [("parameters", text)], to: folder.file("text.png"))
        let read = try Recipe(contentsOf: folder.file("text.png")).request()
        #expect(read.guidance.end == 0.75 && read.sampling.cacheInterval == 3)
    }

    @Test func whatASolverWasAskedIsKept() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        let asked: [(String, (inout Request.Solver) -> Void)] = [
            ("unipc", { ($0.order, $0.type) = (3, "bh1") }), ("sa_solver", { ($0.order, $0.tau) = (3, 0.5) }),
            ("tcd", { $0.gamma = 0.7 }),
            ("pc_vp", { ($0.snr, $0.correctorSteps, $0.type) = (0.1, 2, "reverse_diffusion") }),
        ]
        for (sampler, change) in asked {
            var request = TinyModel.request(steps: 4)
            request.sampler = sampler
            let usual = try await model.generate(request)[0]
            change(&request.sampling.solver)
            let picture = try await model.generate(request)[0]
            #expect(picture.latents != usual.latents, "\(sampler)")
            try picture.write(to: folder.file("\(sampler).png"))
            let recipe = try Recipe(contentsOf: folder.file("\(sampler).png"))
            let read = try recipe.request()
            #expect(read.sampling.solver == request.sampling.solver)
            #expect(try await model.generate(read)[0].pngData() == picture.pngData())
        }
    }

    /// CFG++ sees the prediction without the prompt, and is guided at scales of 1 and below too.
    @Test func cfgPlusPlusSeesBothPredictions() async throws {
        let model = try await TinyModel.load()
        func latents(_ sampler: String, _ scale: Float) async throws -> Latents? {
            var request = TinyModel.request(steps: 5)
            (request.sampler, request.guidanceScale, request.negativePrompt) = (sampler, scale, "fog")
            return try await model.generate(request)[0].latents
        }
        let ends = try await [
            latents("euler_cfg_pp", 1), latents("euler", 1), latents("euler_cfg_pp", 0.5), latents("euler_cfg_pp", 2),
            latents("euler", 2), latents("euler_cfg_pp", 0),
        ].compactMap { $0?.values }
        #expect(Set(ends).count == 6)
    }

    @Test func aPictureWithoutARecordSaysSo() async throws {
        let folder = try TemporaryFolder()
        let image = try Image(width: 1, height: 1, channels: 1, pixels: [0])
        try PNG.write(image, text: [], to: folder.file("plain.png"))
        try PNG.write(image, text: [("limn", "{\"prompt\":")], to: folder.file("damaged.png"))
        let plain = await message { _ = try Recipe(contentsOf: folder.file("plain.png")) }
        #expect(plain?.contains("does not say how it was made") == true)
        let damaged = await message { _ = try Recipe(contentsOf: folder.file("damaged.png")) }
        #expect(damaged?.contains("damaged") == true)
    }
}
