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
        (request.clipSkip, request.width, request.count) = (2, 96, 1)
        try await sameBytes(models, request)
    }

    @Test func pictureToPictureAndInpainting() async throws {
        var request = TinyModel.request()
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.strength = 0.6
        try await sameBytes(try await models("pipeline-a", .float32), request)
        request.mask = try TinyModel.mask { x, _ in x > 30 }
        request.strength = nil
        try await sameBytes(try await models("pipeline-a", .float32), request)
        try await sameBytes(try await models("pipeline-inpaint", .float32), request)
    }

    @Test func aCancelledLoadEnds() async throws {
        let task = Task { () -> Model in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await TinyModel.load()
        }
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
