import Limn
import TestSupport
import Testing

@Suite(.serialized) struct SameRequestSameBytesTests {
    @Test(arguments: Precision.computable)
    func threadsDoNotChangeAPicture(_ precision: Precision) async throws {
        let alone = try await TinyModel.load(threads: 1, precision: precision)
        let expected = try await alone.generate(TinyModel.request())[0]
        for threads in [2, 3, 5] {
            let model = try await TinyModel.load(threads: threads, precision: precision)
            let picture = try await model.generate(TinyModel.request())[0]
            #expect(picture.latents == expected.latents, "\(threads) threads")
            #expect(try picture.pngData() == expected.pngData(), "\(threads) threads")
        }
    }

    @Test(arguments: ["ddim", "euler_a", "dpm++2m"], Precision.computable)
    func aPictureDoesNotDependOnTheOthersOfItsBatch(_ sampler: String, _ precision: Precision) async throws {
        let model = try await TinyModel.load(precision: precision)
        var request = TinyModel.request()
        (request.sampler, request.count) = (sampler, 3)
        let batch = try await model.generate(request)
        #expect(batch.count == 3)
        for (index, picture) in batch.enumerated() {
            var single = request
            (single.count, single.seed) = (1, 7 + UInt64(index))
            let alone = try await model.generate(single)[0]
            #expect(try alone.pngData() == picture.pngData(), "picture \(index)")
        }
        #expect(batch[0] != batch[1])
    }

    @Test func requestsAtOnceDoNotDisturbEachOther() async throws {
        let model = try await TinyModel.load()
        let expected = try await model.generate(TinyModel.request())[0]
        async let one = model.generate(TinyModel.request())
        async let two = model.generate(TinyModel.request(steps: 3))
        async let three = model.generate(TinyModel.request())
        let (first, second, third) = try await (one[0], two[0], three[0])
        #expect(first == expected && third == expected)
        #expect(second != expected)
    }

    @Test func latentsThatWereSavedAreTheSameAgain() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        let picture = try await model.generate(TinyModel.request())[0]
        let latents = try #require(picture.latents)
        try latents.write(to: folder.file("final.safetensors"))
        #expect(try Latents(contentsOf: folder.file("final.safetensors")) == latents)

        var request = TinyModel.request()
        request.latents = latents
        let other = try await model.generate(request)[0]
        #expect(other.latents != latents)
        request.seed = 99
        #expect(try await model.generate(request)[0].latents == other.latents)
    }

    @Test func everySettingMatters() async throws {
        let model = try await TinyModel.load()
        let plain = try await model.generate(TinyModel.request())[0]
        let changes: [(String, (inout Request) -> Void)] = [
            ("prompt", { $0.prompt = "a blue bird" }), ("negative prompt", { $0.negativePrompt = "a blue bird" }),
            ("steps", { $0.steps = 5 }), ("guidance", { $0.guidanceScale = 2 }),
            ("rescale", { $0.guidanceRescale = 0.7 }), ("seed", { $0.seed = 8 }),
            ("guidance end", { $0.guidanceEnd = 0.5 }), ("cache interval", { $0.cacheInterval = 2 }),
            ("generator", { $0.generator = "numpy" }), ("sampler", { $0.sampler = "heun" }),
            ("clip skip", { $0.clipSkip = 2 }), ("width", { $0.width = 72 }),
        ]
        for (name, change) in changes {
            var request = TinyModel.request()
            change(&request)
            #expect(try await model.generate(request)[0].latents != plain.latents, "\(name)")
        }
        var euler = TinyModel.request()
        euler.sampler = "euler"
        var karras = euler
        karras.schedule = "karras"
        #expect(try await model.generate(euler)[0].latents != model.generate(karras)[0].latents)
    }
}
