import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// By which words prompts of each style call an embedding.
@Suite(.serialized) struct EmbeddingNameTests {
    private static let inner = Fixtures.path("foreign/style-x.pt")
    private static let comfy = Fixtures.path("foreign/easyneg.safetensors")

    private func load(_ files: [String]) async throws -> Model {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.embeddings = files
        return try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
    }

    private func request(_ prompt: String, _ style: PromptStyle) -> Request {
        var request = TinyModel.request(steps: 2)
        (request.prompt, request.negativePrompt, request.text.style) = (prompt, "fog", style)
        return request
    }

    private func pixels(_ model: Model, _ prompt: String, _ style: PromptStyle) async throws -> [UInt8] {
        try await model.generate(request(prompt, style))[0].pixels
    }

    /// The webui and stable-diffusion.cpp take the file's name, the rest the word that the file tells.
    @Test func theFilesNameIsTheWebUIsWord() async throws {
        let model = try await load([Self.inner])
        let own = try await pixels(model, "a oldname-12 boat", .plain)
        #expect(try await pixels(model, "a style-x boat", .webui) == own)
        #expect(try await pixels(model, "a style-x boat", .sdcpp) == own)
        #expect(try await pixels(model, "a embedding:style-x boat", .comfyui) == own)
        for (prompt, style) in [
            ("a style-x boat", PromptStyle.plain), ("a oldname-12 boat", .webui), ("a style-x boat", .comfyui),
        ] {
            #expect(try await pixels(model, prompt, style) != own, "\(style)")
        }
    }

    /// The vectors that diffusers' pipelines are compared with, in ComfyUI's prompts.
    @Test func comfyUIsMarkIsTheVectorsAlone() async throws {
        let model = try await load([Self.comfy])
        #expect(
            try await pixels(model, "embedding:easyneg, fox", .comfyui) == pixels(model, "easyneg, fox", .plain))
        let plain = try await pixels(model, "easyneg fox", .plain)
        #expect(try await pixels(model, "embedding:easyneg.safetensors fox", .comfyui) == plain)
        #expect(try await pixels(model, "(embedding:easyneg:1.4) fox", .comfyui) != plain)
    }

    @Test func aMarkOfNothingIsLeftOutWithAWarning() async throws {
        let model = try await load([])
        var warnings: [String] = []
        var picture: Picture?
        for try await event in model.events(for: request("embedding:none, fox", .comfyui)) {
            if case .warning(let text) = event { warnings.append(text) }
            if case .picture(let drawn) = event { picture = drawn }
        }
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.first?.contains("embedding:none") == true)
        let without = try await pixels(model, ", fox", .comfyui)
        #expect(picture?.pixels == without)
    }

    @Test func oneTrainersKeyIsRead() throws {
        let word = try TextualInversion(path: Fixtures.path("foreign/onetrainer-word.safetensors"))
        #expect(word.name == "onetrainer-word" && word.count == 2)
    }

    @Test func wordsAndIdleEmbeddingsAreNamed() async throws {
        let model = try await load([Self.inner, Self.comfy])
        func notes(_ prompts: (String, PromptStyle)...) async throws -> (notes: [String], warnings: [String]) {
            await model.embeddingNotes(for: prompts.map { request($0.0, $0.1) })
        }
        let plain = try await notes(("a oldname-12, easyneg", .plain))
        #expect(plain.warnings.isEmpty && plain.notes.count == 1)
        #expect(plain.notes[0].contains("style-x.pt") && plain.notes[0].contains("oldname-12"))
        let idle = try await notes(("a style-x", .plain), ("boat", .plain))
        #expect(idle.warnings.count == 2 && idle.warnings[0].contains("\"oldname-12\""), "\(idle)")
        let webUI = try await notes(("a [style-x:easyneg:0.5]", .webui))
        #expect(webUI.warnings.isEmpty && webUI.notes.isEmpty, "\(webUI)")
        let comfy = try await notes(("easyneg embedding:style-x", .comfyui))
        #expect(comfy.warnings.count == 1 && comfy.warnings[0].contains("embedding:easyneg"), "\(comfy)")
    }

    /// Files of one vector of the model's width, or another.
    private func write(_ files: [(file: String, key: String, width: Int)], to folder: TemporaryFolder) throws {
        for (index, (file, key, width)) in files.enumerated() {
            let values = (0..<width).map { Float(($0 + index) % 5) / 5 }
            try SafetensorsWriter.write(
                [OutputTensor(name: key, shape: [1, width], values: values)], to: folder.file(file))
        }
    }

    /// Where the file's name is the word, an inner name that another embedding or the vocabulary has does not matter.
    @Test func takenInnerNamesOnlyMatterInPlainPrompts() async throws {
        let folder = try TemporaryFolder()
        try write([("zebra.safetensors", "same", 32), ("lion.safetensors", "same", 32)], to: folder)
        let model = try await load([folder.file("zebra.safetensors"), folder.file("lion.safetensors")])
        for (prompt, style) in [("zebra, lion", PromptStyle.webui), ("embedding:zebra embedding:lion", .comfyui)] {
            #expect(await model.embeddingNotes(for: [request(prompt, style)]).warnings.isEmpty)
            #expect(try await pixels(model, prompt, style) != pixels(model, "boat", style))
        }
        let text = await message { _ = try await pixels(model, "same", .plain) }
        #expect(text?.contains("zebra.safetensors and ") == true && text?.contains("lion.safetensors") == true)
        #expect(await message { try await model.check(request("boat", .plain)) } == text)
        try write([("ant.safetensors", "a", 32)], to: folder)
        let known = try await load([folder.file("ant.safetensors")])
        #expect(try await pixels(known, "ant", .webui) != pixels(known, "a", .webui))
        let refused = await message { _ = try await pixels(known, "boat", .plain) }
        #expect(refused?.contains("ant.safetensors: “a” is a word of the model's vocabulary") == true)
    }

    /// What a folder offers and does not fit stops nothing.
    @Test func offeredEmbeddingsThatDoNotFitAreLeftOut() async throws {
        let folder = try TemporaryFolder()
        try write(
            [
                ("wide.safetensors", "wide", 48), ("ant.safetensors", "a", 32), ("zebra.safetensors", "zebra", 32),
                ("lion.safetensors", "zebra", 32),
            ], to: folder)
        try folder.write(Array("no tensors".utf8), to: "bad.pt")
        let names = ["wide.safetensors", "bad.pt", "ant.safetensors", "zebra.safetensors", "lion.safetensors"]
        func load(isPlain: Bool) async throws -> Model {
            var options = LoadOptions(threads: 2, precision: .float32)
            options.offeredEmbeddings = names.map(folder.file)
            options.readsPlainPrompts = isPlain
            return try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
        }
        let plain = try await load(isPlain: true)
        #expect(plain.embeddings == [folder.file("zebra.safetensors")])
        for (warning, name) in zip(plain.warnings, ["wide", "bad", "ant", "lion"]) {
            #expect(warning.hasPrefix("an embedding is left out: ") && warning.contains(name), "\(warning)")
        }
        #expect(plain.warnings.count == 4)
        #expect(try await pixels(plain, "zebra", .plain) != pixels(plain, "boat", .plain))
        // A picture's record names those that were used, so that it is drawn again.
        let again = try await self.load(plain.embeddings)
        #expect(again.fingerprint == plain.fingerprint)
        let webUI = try await load(isPlain: false)
        #expect(webUI.embeddings == names.dropFirst(2).map(folder.file) && webUI.warnings.count == 2)
        // What is asked for is not left out.
        await #expect(throws: LimnError.self) { try await self.load([folder.file("wide.safetensors")]) }
    }

    @Test func plainPromptsCallAFoldersEmbeddingsByTheirWords() throws {
        let folder = try TemporaryFolder()
        try write([("style-x.safetensors", "oldname-12", 32), ("easyneg.safetensors", "emb_params", 32)], to: folder)
        let found = try EmbeddingFolder(path: folder.path)
        func files(_ prompt: String, _ style: PromptStyle) throws -> [String] {
            try found.files(for: [request(prompt, style)]).map { String($0.dropFirst(folder.path.count + 1)) }
        }
        #expect(try files("OldName-12 fox", .plain) == ["style-x.safetensors"])
        #expect(try files("style-x, easyneg", .plain) == ["easyneg.safetensors", "style-x.safetensors"])
        #expect(try files("oldname-12 fox", .webui) == [] && files("oldname-123", .plain) == [])
    }

    /// What drawing warns of, `limn tokenize` says too.
    @Test func reportsNameIdleAndMissingEmbeddings() throws {
        func warnings(_ prompt: String, _ style: PromptStyle) throws -> [String] {
            try PromptReport(
                of: prompt, style: style, model: Fixtures.path("pipeline-a"), embeddings: [Self.inner]
            ).warnings
        }
        #expect(try warnings("a style-x", .webui).isEmpty && warnings("oldname-12", .plain).isEmpty)
        let idle = try warnings("boat", .plain)
        #expect(idle.count == 1 && idle[0].contains("no prompt uses the embedding style-x.pt"))
        let missing = try warnings("embedding:none embedding:style-x", .comfyui)
        #expect(missing.count == 1 && missing[0].contains("asks for embedding:none"), "\(missing)")
    }

    @Test func aFolderFindsWhatPromptsCall() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("sub"), withIntermediateDirectories: true)
        for name in ["easyneg.pt", "easyneg.safetensors", "sub/Cat Toy.bin", "sub/art.pt", "notes.txt"] {
            try folder.write([], to: name)
        }
        let found = try EmbeddingFolder(path: folder.path)
        func files(_ prompt: String, _ style: PromptStyle) throws -> [String] {
            try found.files(for: [request(prompt, style)]).map { String($0.dropFirst(folder.path.count + 1)) }
        }
        #expect(try files("embedding:easyneg, embedding:sub/art", .comfyui) == ["easyneg.safetensors", "sub/art.pt"])
        #expect(try files("(embedding:easyneg.pt:1.2) easyneg", .comfyui) == ["easyneg.pt"])
        #expect(try files("easyneg art", .comfyui) == [])
        #expect(try files("a cat toy, (EasyNeg:1.1)", .webui) == ["easyneg.safetensors", "sub/Cat Toy.bin"])
        #expect(try files("smart heart easynegs", .webui) == [])
        #expect(found.file(named: "sub\\art.pt") == folder.path + "/sub/art.pt" && found.file(named: "none") == nil)
        #expect(throws: LimnError.self) { try EmbeddingFolder(path: folder.file("nowhere")) }
    }
}
