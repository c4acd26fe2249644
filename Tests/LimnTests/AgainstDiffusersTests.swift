import Limn
import TestSupport
import Testing

/// Whole runs against diffusers with the same weights, prompt and seed.
@Suite(.serialized) struct AgainstDiffusersTests {
    /// The project's bar for latents after a whole run; what is reached is far below.
    static let tolerance = 1e-3

    static let models = [
        ("pipeline-a", Fixtures.path("pipeline-a")), ("pipeline-b", Fixtures.path("pipeline-b")),
        ("pipeline-inpaint", Fixtures.path("pipeline-inpaint")), ("pipeline-alt", Fixtures.path("pipeline-alt")),
        ("pipeline-japanese", Fixtures.path("pipeline-japanese")), ("pipeline-t5", Fixtures.path("pipeline-t5")),
        ("icons-128", Fixtures.repository + "/weights/icons-128"),
    ]

    /// The families around Stable Diffusion, with how many runs there are of each.
    ///
    /// The worst error, 1.2e-4, is that of pipeline-edit's run `ddim-2`, and no fault of either side: with guidance of 5
    /// and of 2 by the picture, that run's latents shrink to a twentieth of the other runs' (deviation 0.50) while what
    /// float32 has rounded off stays, from 7e-6 after the first step to 1.1e-4 after the tenth. So far are diffusers' own
    /// latents in float32 from those that it draws in float64; in the other four runs it is 1.9e-6 to 7.0e-6.
    static let families = [
        ("pipeline-edit", 5), ("pipeline-sd2", 6), ("pipeline-sd2-inpaint", 2), ("pipeline-xl", 13),
        ("pipeline-xl-inpaint", 2), ("pipeline-xl-refiner", 3), ("pipeline-lcm", 4), ("pipeline-ssd", 1),
        ("pipeline-sdxs", 2),
    ]

    @Test(arguments: models)
    func everyRunEndsInTheLatentsAndPictureOfDiffusers(_ fixture: String, _ path: String) async throws {
        #expect(try await compareRuns(fixture, path) >= 7)
    }

    @Test(arguments: families)
    func everyFamilyEndsInTheLatentsAndPictureOfItsOwnPipeline(_ fixture: String, _ count: Int) async throws {
        #expect(try await compareRuns(fixture, Fixtures.path(fixture)) == count)
    }

    private func compareRuns(_ fixture: String, _ path: String) async throws -> Int {
        let reference = try ReferenceRuns(fixture)
        let model = try await Model.load(from: path, options: LoadOptions(threads: 2, precision: .float32))
        var worst = 0.0
        var pictures = 0
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let picture = try #require(try await model.generate(try reference.request(index)).first)
            let expected = try reference.latents.float32("\(run.name).latents")
            let error = relativeError(picture.latents?.values ?? [], expected)
            #expect(error < Self.tolerance, "\(fixture) \(run.name)")
            worst = max(worst, error)
            // diffusers does not put an inpainted picture's kept pixels back, limn does: see InpaintingTests.
            guard let file = run.picture, run.mode != "inpaint" else { continue }
            let drawn = try Picture(contentsOf: reference.folder + "/" + file)
            let difference = try #require(largestDifference(picture, drawn), "\(fixture) \(run.name)")
            #expect(difference <= 2, "\(fixture) \(run.name)")
            pictures += 1
        }
        print("\(fixture): \(reference.runs.count) runs, worst error \(worst), \(pictures) pictures compared")
        return reference.runs.count
    }
}
