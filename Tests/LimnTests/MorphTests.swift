import TestSupport
import Testing

@testable import Limn

@Suite(.serialized) struct MorphTests {
    /// Against diffusers' pipelines, given the mixture of what their encoders say.
    @Test(arguments: ["a", "xl"])
    func framesEndInTheLatentsOfDiffusers(_ name: String) async throws {
        let reference = try ReferenceRuns("morph-" + name)
        let model = try await Model.load(
            from: Fixtures.path("pipeline-" + name), options: LoadOptions(threads: 2, precision: .float32))
        var worst = 0.0
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let latents = try #require(try await model.generate(try reference.request(index)).first?.latents)
            let error = relativeError(latents.values, try reference.latents.float32("\(run.name).latents"))
            #expect(error < 1e-4, "\(run.name)")
            worst = max(worst, error)
        }
        print("morph-\(name): worst error \(worst)")
    }

    @Test(arguments: [PromptStyle.plain, .webui, .comfyui])
    func theEndsAreThePromptsThemselves(style: PromptStyle) async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.text.style = style
        let first = try await model.generate(request)[0].pixels
        request.text.morph = Morph(prompt: "a green pear", amount: 0)
        #expect(try await model.generate(request)[0].pixels == first)
        request.text.morph?.amount = 0.5
        let middle = try await model.generate(request)[0].pixels
        request.text.morph?.amount = 1
        let last = try await model.generate(request)[0].pixels
        (request.prompt, request.text.morph) = ("a green pear", nil)
        #expect(try await model.generate(request)[0].pixels == last)
        #expect(middle != first && middle != last)
    }

    @Test func theFileRestoresTheFrame() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 2)
        request.text.morph = Morph(prompt: "a \"green\" pear", amount: 0.25)
        let picture = try await model.generate(request)[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(try await model.generate(try recipe.request())[0].pngData() == picture.pngData())
    }

    @Test func whatCannotBeMorphedIsRefused() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 1)
        request.text.morph = Morph(prompt: "a pear", amount: 1.01)
        await #expect(throws: LimnError.self) { try await model.generate(request) }
        (request.text.style, request.text.morph) = (.webui, Morph(prompt: "a pear AND a plum", amount: 0.5))
        let error = await #expect(throws: LimnError.self) { try await model.generate(request) }
        #expect(error?.description.contains("AND") == true)
    }
}
