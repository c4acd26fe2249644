import Limn
import TestSupport
import Testing

@Suite struct VariationTests {
    /// One seed, variation seeds that count up; whatever the number of pictures.
    @Test func picturesOfABatchHaveVariationSeedsInTurn() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.seeds.variation = Variation(seed: 11, strength: 0.4)
        request.count = 2
        let both = try await model.generate(request)
        #expect(both.map { $0.request?.seed } == [7, 7])
        #expect(both.map { $0.request?.seeds.variation?.seed } == [11, 12])
        (request.count, request.seeds.variation) = (1, Variation(seed: 12, strength: 0.4))
        let alone = try await model.generate(request)[0]
        #expect(try alone.pngData() == both[1].pngData())
        #expect(alone.pixels != both[0].pixels)
    }

    /// The ends of the way from one seed to another are these seeds' own pictures.
    @Test func strengthGoesFromOneSeedToTheOther() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        let first = try await model.generate(request)[0]
        request.seeds.variation = Variation(seed: 9, strength: 0)
        #expect(try await model.generate(request)[0].pixels == first.pixels)
        request.seeds.variation = Variation(seed: 9, strength: 1)
        let end = try await model.generate(request)[0]
        (request.seeds.variation, request.seed) = (nil, 9)
        let second = try await model.generate(request)[0]
        // One picture's noise may lie an ulp from the other's.
        #expect(zip(end.pixels, second.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test func theFileRestoresThem() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.seeds.variation = Variation(strength: 0.25)
        request.seeds.size = PixelSize(width: 32, height: 64)
        let picture = try await model.generate(request)[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        let text = try #require(recipe.parameters)
        #expect(text.contains("Variation seed strength: 0.25") && text.contains("Seed resize from: 32x64"))
        let again = try await model.generate(try recipe.request())[0]
        #expect(try again.pngData() == picture.pngData())
    }

    @Test func rangesAreTold() async throws {
        let model = try await TinyModel.load()
        for (change, word) in [
            ({ $0.seeds.variation = Variation(strength: 1.5) }, "0 to 1"),
            ({ $0.seeds.variation = Variation(strength: .nan) }, "0 to 1"),
            ({ $0.seeds.size = PixelSize(width: 33, height: 64) }, "multiples"),
            ({ $0.seeds.size = PixelSize(width: 0, height: -8) }, "multiples"),
            ({ $0.seeds.size = PixelSize(width: .max, height: 64) }, "at most"),
        ] as [((inout Request) -> Void, String)] {
            var request = TinyModel.request(steps: 1)
            change(&request)
            let error = await #expect(throws: LimnError.self) { try await model.generate(request) }
            #expect(error?.description.contains(word) == true)
        }
    }
}
