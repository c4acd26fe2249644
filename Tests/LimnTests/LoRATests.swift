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

    @Test(
        arguments: [("pipeline-a", "kohya", Float(0.75)), ("pipeline-a", "peft-dora", 1), ("pipeline-xl", "xl", 0.75)])
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
        #expect(try LoRA(parsing: "ink:0.5:0.8") == LoRA(path: "ink", weight: 0.5, unetWeight: 0.8))
        #expect(try LoRA(parsing: "ink:0.5:0.5") == LoRA(path: "ink", weight: 0.5))
        for text in ["", ":1", "ink:nan", "ink:inf", "ink:1:nan"] {
            #expect(throws: LimnError.self) { try LoRA(parsing: text) }
        }
        let folder = try TemporaryFolder()
        try folder.write([], to: "odd:2")
        #expect(try LoRA(parsing: folder.file("odd:2")) == LoRA(path: folder.file("odd:2")))
        #expect(LoRA(path: "x/y.z.safetensors").name == "y.z")
        // The ending may be left out, also before a weight.
        try folder.write([], to: "Ink Style v2.safetensors")
        let styled = folder.file("Ink Style v2.safetensors")
        #expect(try LoRA(parsing: folder.file("Ink Style v2")) == LoRA(path: styled))
        #expect(try LoRA(parsing: folder.file("Ink Style v2:0.8")) == LoRA(path: styled, weight: 0.8))
        #expect(try LoRA(parsing: folder.file("Ink Style v2:0:1")) == LoRA(path: styled, weight: 0, unetWeight: 1))
    }

    @Test func tagsComeOutOfThePrompt() throws {
        let read = try PromptWithLoRAs(parsing: "a cat <lora:ink:0.8>, drawn <lora:my style> by hand <lora:x:-2>")
        #expect(read.prompt == "a cat , drawn  by hand")
        #expect(read.tags.map(\.name) == ["ink", "my style", "x"])
        #expect(read.tags.map(\.weight) == [0.8, 1, -2])
        #expect(try PromptWithLoRAs(parsing: " a < b <lore> ").prompt == " a < b <lore> ")
        for text in ["<lora:ink", "<lora:>", "<lora::1>", "<lora:a:b>", "<lora:a:1:>", "<lora:a:nan>", "<lora:a:te=x>"]
        {
            #expect(throws: LimnError.self, "\(text)") { try PromptWithLoRAs(parsing: text) }
        }
    }

    /// The webui's rules: first the text encoder's weight, second the UNet's, which is the first where it is not said.
    @Test(
        arguments: [
            ("<lora:x:0.5:0.8>", 0.5, 0.8), ("<lora:x:0.5:0.5>", 0.5, nil), ("<lora:x:te=0.3>", 0.3, nil),
            ("<lora:x:te=0.3:unet=0.7>", 0.3, 0.7), ("<lora:x:0.5:unet=0.7>", 0.5, 0.7),
            ("<lora:x:0.5:0.8:te=0>", 0, 0.8), ("<lora:x:unet=0.7>", 1, 0.7), ("<lora:x:1: 0>", 1, 0),
        ] as [(String, Float, Float?)])
    func tagsHaveTwoWeights(_ text: String, _ weight: Float, _ unetWeight: Float?) throws {
        let tag = try #require(try PromptWithLoRAs(parsing: "a cat " + text).tags.first)
        #expect(tag.name == "x" && tag.weight == weight && tag.unetWeight == unetWeight)
    }

    @Test(
        arguments: [
            ("<lora:x:1:lbw=MIDD>", "(lbw=)"), ("<lora:x:1:1:lbw=1,0,0>", "weights block by block"),
            ("<lora:x:dyn=8>", "(dyn=)"), ("<lora:x:1:1:8>", "third number"),
            ("<lora:x:1:stop=10>", "part of the steps"),
        ])
    func whatATagAsksForInVainIsNamed(_ text: String, _ word: String) async {
        let text = await message { _ = try PromptWithLoRAs(parsing: "a cat " + text) }
        #expect(text?.contains(word) == true && text?.contains("not supported") == true, "\(text ?? "")")
    }

    @Test func aPictureTellsBothWeights() async throws {
        let folder = try TemporaryFolder()
        let both = LoRA(path: lora("kohya", 1).path, weight: 0.25, unetWeight: 1)
        let picture = try await load([both]).generate(TinyModel.request())[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.parameters?.contains("<lora:kohya:0.25:1>\n") == true)
        #expect(try recipe.loras().loras == [both])
        let again = try await load(recipe.loras().loras).generate(try recipe.request())[0]
        #expect(try again.pngData() == picture.pngData())
        for other in [LoRA(path: both.path, weight: 0.25), LoRA(path: both.path, weight: 1)] {
            #expect(try await load([other]).generate(TinyModel.request())[0].latents != picture.latents)
        }
    }

    /// An embedding that lies in a LoRA's file does what it does in a file of its own.
    @Test func anEmbeddingInALoRAIsAWordForPrompts() async throws {
        let folder = try TemporaryFolder()
        let kohya = try SafetensorsFile(path: lora("kohya", 1).path)
        var tensors = try kohya.tensors.map { name, info in
            OutputTensor(name: name, shape: info.shape, values: try kohya.float32(name))
        }
        let values = (0..<64).map { Float($0 % 7) / 7 - 0.4 }
        tensors.append(OutputTensor(name: "bundle_emb.<zebra>.clip_l", shape: [2, 32], values: values))
        try SafetensorsWriter.write(tensors, to: folder.file("with.safetensors"))
        try SafetensorsWriter.write(
            [OutputTensor(name: "emb_params", shape: [2, 32], values: values)], to: folder.file("<zebra>.safetensors"))
        var request = TinyModel.request()
        request.prompt = "a <zebra> on a table"
        func latents(_ file: String, _ embeddings: [String]) async throws -> (Model, Latents) {
            var options = LoadOptions(
                threads: 2, precision: .float32, loras: [LoRA(path: file, weight: 0.5)])
            options.embeddings = embeddings
            let model = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
            return (model, try #require(try await model.generate(request)[0].latents))
        }
        let (bundled, drawn) = try await latents(folder.file("with.safetensors"), [])
        #expect(bundled.wordsOfLoRAs == ["<zebra>"] && bundled.warnings.isEmpty)
        let (_, expected) = try await latents(lora("kohya", 1).path, [folder.file("<zebra>.safetensors")])
        #expect(drawn == expected)
        let (plain, without) = try await latents(lora("kohya", 1).path, [])
        #expect(without != drawn && plain.fingerprint == bundled.fingerprint)
        let (twice, same) = try await latents(
            folder.file("with.safetensors"), [folder.file("<zebra>.safetensors")])
        #expect(same == drawn && twice.wordsOfLoRAs.isEmpty)
        #expect(twice.warnings.count == 1 && twice.warnings[0].contains("\"<zebra>\" is not used"))
        // A model has no place for it.
        var conversion = Conversion(from: Fixtures.path("pipeline-a"), to: folder.file("merged"))
        conversion.loras = [LoRA(path: folder.file("with.safetensors"))]
        #expect(try conversion.run().notes.contains { $0.hasPrefix("left out: the embedding \"<zebra>\"") })
        let words = try Inspection(of: folder.file("with.safetensors")).facts.first { $0.name == "words" }
        #expect(words?.value == "<zebra> (embeddings)")
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

    /// As in the webui, a LoRA has the name of its file and the one that its trainer was told; case counts only between
    /// two of them.
    @Test func aFolderKnowsNamesInAnyCaseAndThoseOfTrainers() async throws {
        let folder = try TemporaryFolder()
        func write(_ name: String, trained: String? = nil) throws {
            try SafetensorsWriter.write(
                [OutputTensor(name: "a", shape: [1], values: [1])],
                metadata: trained.map { ["ss_output_name": $0] } ?? [:], to: folder.file(name))
        }
        try write("Ink Style.safetensors", trained: "inkv3")
        try write("last-000004.safetensors", trained: "Water")
        for name in ["Foo", "foo"] { try write(name + ".safetensors") }
        let loras = try LoRAFolder(path: folder.path)
        #expect(try loras.file(named: "ink style") == folder.file("Ink Style.safetensors"))
        #expect(try loras.file(named: "INK STYLE.safetensors") == folder.file("Ink Style.safetensors"))
        #expect(try loras.file(named: "inkv3") == folder.file("Ink Style.safetensors"))
        #expect(try loras.file(named: "water") == folder.file("last-000004.safetensors"))
        #expect(try loras.file(named: "foo") == folder.file("foo.safetensors"))
        #expect(try loras.file(named: "Foo") == folder.file("Foo.safetensors"))
        #expect(await message { _ = try loras.file(named: "FOO") }?.contains("several LoRAs are called FOO") == true)
        try write("other.safetensors", trained: "water")
        let more = try LoRAFolder(path: folder.path)
        #expect(await message { _ = try more.file(named: "water") }?.contains("last-000004, other") == true)
    }
}

extension Sequence {
    fileprivate func asyncMap<R>(_ body: (Element) async throws -> R) async throws -> [R] {
        var results: [R] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
