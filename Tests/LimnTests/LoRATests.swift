import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

@Suite(.serialized) struct LoRATests {
    private func load(
        _ loras: [LoRA], lowMemory: Bool = false, model: String = "pipeline-a"
    ) async throws -> Model {
        try await Model.load(
            from: Fixtures.path(model),
            options: LoadOptions(threads: 2, precision: .float32, lowMemory: lowMemory, loras: loras))
    }

    private func lora(_ name: String, _ weight: Float) -> LoRA {
        LoRA(path: Fixtures.path("loras/\(name).safetensors"), weight: weight)
    }

    private static let runs = [
        ("pipeline-a", "kohya", Float(0.75)), ("pipeline-a", "peft-dora", 1), ("pipeline-xl", "xl", 0.75),
    ].filter { FileManager.default.fileExists(atPath: Fixtures.path($0.0)) }

    @Test(arguments: runs)
    func aRunEndsInTheLatentsAndPictureOfDiffusers(_ folder: String, _ name: String, _ weight: Float) async throws {
        let reference = try ReferenceRuns("loras/runs-" + name)
        let model = try await load([lora(name, weight)], model: folder)
        let plain = try await load([], model: folder)
        for (index, run) in reference.runs.enumerated() {
            for model in [model, plain] { await model.use(reference.scheduler(index)) }
            let request = try reference.request(index)
            let picture = try #require(try await model.generate(request).first)
            let expected = try reference.latents.float32("\(run.name).latents")
            let error = relativeError(picture.latents?.values ?? [], expected)
            print("LoRA \(name): error \(error)")
            #expect(error < 1e-3)
            let drawn = try Picture(contentsOf: reference.folder + "/" + (try #require(run.picture)))
            #expect(try #require(largestDifference(picture, drawn)) <= 2)
            let other = try #require(try await plain.generate(request).first?.latents?.values)
            #expect(relativeError(other, expected) > 0.05, "the LoRA hardly changes the picture")
        }
    }

    @Test func smallMemoryGivesTheSamePicture() async throws {
        let pictures = try await [false, true].asyncMap { lowMemory in
            try await load([lora("kohya", 0.75)], lowMemory: lowMemory).generate(TinyModel.request())[0]
        }
        #expect(pictures[0].pixels == pictures[1].pixels)
    }

    @Test func aPictureTellsItsLoRAsAndIsDrawnAgainWithThem() async throws {
        let folder = try TemporaryFolder()
        let model = try await load([lora("kohya", 0.75), lora("kohya-dora", -0.5)])
        #expect(model.loras.map(\.name) == ["kohya", "kohya-dora"])
        let picture = try await model.generate(TinyModel.request())[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.parameters?.contains("on a green table <lora:kohya:0.75> <lora:kohya-dora:-0.5>\n") == true)
        let (loras, warnings) = try recipe.loras()
        #expect(loras == model.loras && warnings.isEmpty)
        #expect(try recipe.request().prompt == "a red apple on a green table")
        let again = try await load(loras).generate(try recipe.request())[0]
        #expect(try again.pngData() == picture.pngData())
        #expect(recipe.modelFingerprint == model.fingerprint)
        #expect(try await load([]).fingerprint == model.fingerprint)
    }

    @Test func aLoRAThatMovedIsLookedForByName() async throws {
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(path: lora("kohya", 1).path)
        let tensors = try file.tensors.keys.sorted().map { name in
            OutputTensor(name: name, shape: try file.info(name).shape, values: try file.float32(name))
        }
        try SafetensorsWriter.write(tensors, to: folder.file("gone.safetensors"))
        let model = try await load([LoRA(path: folder.file("gone.safetensors"), weight: 0.5)])
        try await model.generate(TinyModel.request())[0].write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(try recipe.loras().warnings.isEmpty)
        try FileManager.default.removeItem(atPath: folder.file("gone.safetensors"))
        #expect(await message { _ = try recipe.loras() }?.contains("gone.safetensors is needed") == true)
        let others = try TemporaryFolder()
        try SafetensorsWriter.write(tensors, to: others.file("gone.safetensors"))
        #expect(try recipe.loras(in: LoRAFolder(path: others.path)).loras[0].path == others.file("gone.safetensors"))
        try SafetensorsWriter.write(Array(tensors.dropLast(3)), to: others.file("gone.safetensors"))
        #expect(try recipe.loras(in: LoRAFolder(path: others.path)).warnings.count == 1)
    }

    @Test func aConvertedModelHasItsLoRAsInIt() async throws {
        let folder = try TemporaryFolder()
        var conversion = Conversion(from: Fixtures.path("pipeline-a"), to: folder.file("merged"))
        conversion.loras = [lora("kohya", 0.75)]
        let report = try conversion.run()
        #expect(report.notes.contains { $0.hasPrefix("merged: ") && $0.hasSuffix("weight 0.75") })
        let converted = try await Model.load(
            from: folder.file("merged"), options: LoadOptions(threads: 2, precision: .float32))
        let expected = try await load([lora("kohya", 0.75)]).generate(TinyModel.request())[0]
        #expect(try await converted.generate(TinyModel.request())[0].latents == expected.latents)
        conversion = Conversion(from: lora("kohya", 1).path, to: folder.file("twice.safetensors"))
        conversion.loras = [lora("kohya", 1)]
        #expect(await message { _ = try conversion.run() }?.contains("--lora do not go with it") == true)
    }

    @Test func namesAndWeightsAreRead() throws {
        #expect(try LoRA(parsing: "a/ink.safetensors") == LoRA(path: "a/ink.safetensors"))
        #expect(try LoRA(parsing: "a/ink.safetensors:0.8") == LoRA(path: "a/ink.safetensors", weight: 0.8))
        #expect(try LoRA(parsing: "ink:-1.5") == LoRA(path: "ink", weight: -1.5))
        #expect(try LoRA(parsing: "C:ink") == LoRA(path: "C:ink"))
        for text in ["", ":1", "ink:nan", "ink:inf"] {
            #expect(throws: LimnError.self) { try LoRA(parsing: text) }
        }
        let folder = try TemporaryFolder()
        try folder.write([], to: "odd:2")
        #expect(try LoRA(parsing: folder.file("odd:2")) == LoRA(path: folder.file("odd:2")))
        #expect(LoRA(path: "x/y.z.safetensors").name == "y.z")
    }

    @Test func tagsComeOutOfThePrompt() throws {
        let read = try PromptWithLoRAs(parsing: "a cat <lora:ink:0.8>, drawn <lora:my style> by hand <lora:x:-2>")
        #expect(read.prompt == "a cat , drawn  by hand")
        #expect(read.tags.map(\.name) == ["ink", "my style", "x"])
        #expect(read.tags.map(\.weight) == [0.8, 1, -2])
        #expect(try PromptWithLoRAs(parsing: " a < b <lore> ").prompt == " a < b <lore> ")
        for text in ["<lora:ink", "<lora:>", "<lora::1>", "<lora:a:b>", "<lora:a:1:2>", "<lora:a:nan>"] {
            #expect(throws: LimnError.self, "\(text)") { try PromptWithLoRAs(parsing: text) }
        }
    }

    @Test func aFolderFindsNamesAndSaysWhichAreNear() async throws {
        let folder = try TemporaryFolder()
        for name in ["ink.safetensors", "watercolour.safetensors", "notes.txt"] { try folder.write([], to: name) }
        let loras = try LoRAFolder(path: folder.path)
        #expect(try loras.file(named: "ink") == folder.file("ink.safetensors"))
        #expect(try loras.file(named: "ink.safetensors") == folder.file("ink.safetensors"))
        let text = await message { _ = try loras.file(named: "watercolor") }
        #expect(text?.contains("no LoRA called watercolor; the nearest of 2 are watercolour, ink") == true)
        #expect(throws: LimnError.self) { try LoRAFolder(path: folder.file("nowhere")) }
    }
}

extension Sequence {
    fileprivate func asyncMap<R>(_ body: (Element) async throws -> R) async throws -> [R] {
        var results: [R] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
