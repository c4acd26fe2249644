import Limn
import TestSupport
import Testing

/// A request that cannot be met is refused with words that say what to do, and never traps.
@Suite(.serialized) struct BadRequestsTests {
    @Test func eachSettingOutOfRangeIsNamed() async throws {
        let model = try await TinyModel.load()
        let picture = try TinyModel.picture { _, _ in 9 }
        let cases: [(String, (inout Request) -> Void)] = [
            ("width", { $0.width = 65 }), ("multiple of 8", { $0.height = 12 }), ("width", { $0.width = 0 }),
            ("width", { $0.width = -8 }), ("width", { $0.width = Int.max }), ("height", { $0.height = Int.min }),
            ("steps", { $0.steps = 0 }), ("steps", { $0.steps = -3 }), ("steps", { $0.steps = Int.max }),
            ("guidance", { $0.guidanceScale = -1 }), ("guidance", { $0.guidanceScale = .nan }),
            ("guidance", { $0.guidanceScale = .infinity }), ("rescale", { $0.guidanceRescale = 2 }),
            ("guidance end", { $0.guidanceEnd = 1.01 }), ("guidance end", { $0.guidanceEnd = -.infinity }),
            ("guidance end", { $0.guidanceEnd = .nan }), ("cache interval", { $0.cacheInterval = 0 }),
            ("cache interval", { $0.cacheInterval = Int.max }), ("cache interval", { $0.cacheInterval = Int.min }),
            ("clip skip", { $0.clipSkip = 0 }), ("clip skip", { $0.clipSkip = 99 }), ("pictures", { $0.count = 0 }),
            ("euler_a", { $0.sampler = "eulr_a" }), ("karras", { $0.schedule = "karas" }),
            ("torch", { $0.generator = "tourch" }),
            ("eta", { $0.eta = 7 }), ("eta", { $0.eta = .nan }), ("mask needs", { $0.mask = picture }),
            ("strength needs", { $0.strength = 0.5 }),
            ("strength", { ($0.initImage, $0.strength) = (picture, 1.5) }),
            ("strength", { ($0.initImage, $0.strength) = (picture, 0) }),
            ("strength", { ($0.initImage, $0.strength) = (picture, .nan) }),
            ("blur", { ($0.initImage, $0.mask, $0.maskBlur) = (picture, picture, -1) }),
        ]
        for (word, change) in cases {
            var request = TinyModel.request()
            change(&request)
            let text = await message { _ = try await model.generate(request) }
            #expect(text?.lowercased().contains(word) == true, "\(word): \(text ?? "no error")")
            #expect((text?.count ?? 0) < 600)
        }
    }

    @Test func masksThatDoNotFitAreRefused() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request()
        request.initImage = try TinyModel.picture { _, _ in 9 }
        request.mask = try TinyModel.mask(32, 64) { _, _ in true }
        let size = await message { _ = try await model.generate(request) }
        #expect(size?.contains("32×64") == true && size?.contains("one size") == true)
        request.mask = try TinyModel.mask { _, _ in false }
        #expect(await message { _ = try await model.generate(request) }?.contains("no white") == true)
    }

    @Test func latentsOfAnotherShapeAreRefused() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request()
        request.latents = try Latents(
            batch: 1, channels: 4, height: 4, width: 8, values: Array(repeating: 0, count: 128))
        #expect(await message { _ = try await model.generate(request) }?.contains("[1, 4, 4, 8]") == true)
        #expect(
            await message { _ = try Latents(batch: 1, channels: 4, height: 1, width: 1, values: [.nan, 0, 0, 0]) }
                != nil)
        #expect(await message { _ = try Latents(batch: Int.max, channels: 4, height: 1, width: 1, values: []) } != nil)
    }

    @Test func anInpaintingModelWantsAPictureAndAMask() async throws {
        let model = try await TinyModel.load("pipeline-inpaint")
        #expect(model.isInpainting)
        let text = await message { _ = try await model.generate(TinyModel.request()) }
        #expect(text?.contains("inpainting model") == true)
    }

    @Test func moreMemoryThanThereIsIsRefusedNotKilled() async throws {
        let model = try await Model.load(
            from: Fixtures.repository + "/weights/icons-128", options: LoadOptions(threads: 2, precision: .float32))
        var request = TinyModel.request(steps: 1)
        // One activation alone is 64 channels of 2 × 4096² pixels: 8.6 GB.
        (request.width, request.height) = (16384, 16384)
        let text = await message { _ = try await model.generate(request) }
        #expect(text?.contains("memory") == true, "\(text ?? "no error")")
    }
}
