import Limn
import TestSupport
import Testing

/// Weights that stay in their files draw the same pictures as weights in memory.
@Suite(.serialized) struct LowMemoryTests {
    private func models(_ name: String, _ precision: Precision) async throws -> (whole: Model, low: Model) {
        let path = Fixtures.path(name)
        return (
            try await Model.load(from: path, options: LoadOptions(threads: 2, precision: precision)),
            try await Model.load(from: path, options: LoadOptions(threads: 2, precision: precision, lowMemory: true))
        )
    }

    private func sameBytes(_ models: (whole: Model, low: Model), _ request: Request) async throws {
        let expected = try await models.whole.generate(request)
        let pictures = try await models.low.generate(request)
        #expect(pictures.count == expected.count)
        for (one, other) in zip(pictures, expected) {
            #expect(one.latents == other.latents)
            #expect(try one.pngData() == other.pngData())
        }
    }

    @Test(arguments: Precision.allCases)
    func textToPicture(precision: Precision) async throws {
        // Not every CPU multiplies bfloat16 numbers and 8-bit integers.
        guard let models = try? await models("pipeline-a", precision) else { return #expect(precision != .float32) }
        var request = TinyModel.request()
        request.count = 2
        try await sameBytes(models, request)
        (request.text.clipSkip, request.width, request.count) = (2, 96, 1)
        try await sameBytes(models, request)
    }

    @Test func pictureToPictureAndInpainting() async throws {
        var request = TinyModel.request()
        request.source.picture = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.source.strength = 0.6
        try await sameBytes(try await models("pipeline-a", .float32), request)
        request.source.mask = try TinyModel.mask { x, _ in x > 30 }
        request.source.strength = nil
        try await sameBytes(try await models("pipeline-a", .float32), request)
        try await sameBytes(try await models("pipeline-inpaint", .float32), request)
    }

    /// Above one tile a small memory means tiles, which show in the picture and in what it says of itself.
    @Test func largePicturesAreTiled() async throws {
        let models = try await models("pipeline-a", .float32)
        var request = TinyModel.request(steps: 1)
        (request.width, request.height) = (65 * 8, 8)
        let low = try await models.low.generate(request)[0]
        let whole = try await models.whole.generate(request)[0]
        #expect(low.latents == whole.latents && low != whole)
        #expect(low.request?.vaeTiling == true && whole.request?.vaeTiling == false)

        // Each is drawn again by the other model as its file tells.
        let folder = try TemporaryFolder()
        try low.write(to: folder.file("low.png"))
        try whole.write(to: folder.file("whole.png"))
        let lowAgain = try await models.whole.generate(try Recipe(contentsOf: folder.file("low.png")).request())[0]
        #expect(try lowAgain.pngData() == low.pngData())
        let wholeAgain = try await models.low.generate(try Recipe(contentsOf: folder.file("whole.png")).request())[0]
        #expect(try wholeAgain.pngData() == whole.pngData())

        request.vaeTiling = true
        #expect(try await models.whole.generate(request)[0].pngData() == low.pngData())
        request.vaeTiling = false
        #expect(try await models.low.generate(request)[0].pngData() == whole.pngData())

        // At one tile there is nothing to be told.
        (request.width, request.vaeTiling) = (64 * 8, true)
        let small = try await models.low.generate(request)[0]
        #expect(small.request?.vaeTiling == false)
        request.vaeTiling = nil
        #expect(try await models.whole.generate(request)[0].pngData() == small.pngData())
    }

    @Test func startingPicturesAreTiledToo() async throws {
        let models = try await models("pipeline-a", .float32)
        var request = TinyModel.request(steps: 2)
        (request.width, request.height, request.source.strength) = (80 * 8, 16, 0.5)
        request.source.picture = try TinyModel.picture(80 * 8, 16) { UInt8($0 / 3 % 200 + $1) }
        let low = try await models.low.generate(request)[0]
        let whole = try await models.whole.generate(request)[0]
        #expect(low.latents != whole.latents)
        request.vaeTiling = true
        #expect(try await models.whole.generate(request)[0].pngData() == low.pngData())
    }

    @Test func aCancelledLoadEnds() async throws {
        let task = Task { () -> Model in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await TinyModel.load()
        }
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
