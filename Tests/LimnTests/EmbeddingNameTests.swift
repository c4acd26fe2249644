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
        (request.prompt, request.negativePrompt, request.promptStyle) = (prompt, "fog", style)
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

    @Test func aFolderFindsWhatPromptsCall() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("sub"), withIntermediateDirectories: true)
        for name in ["easyneg.pt", "easyneg.safetensors", "sub/Cat Toy.bin", "sub/art.pt", "notes.txt"] {
            try folder.write([], to: name)
        }
        let found = try EmbeddingFolder(path: folder.path)
        func files(_ prompt: String, _ style: PromptStyle) throws -> [String] {
            try found.files(for: request(prompt, style)).map { String($0.dropFirst(folder.path.count + 1)) }
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
