import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// Learnt words (textual inversions) against diffusers' `load_textual_inversion`.
@Suite(.serialized) struct EmbeddingTests {
    /// Folder of the words and runs, model, files of words.
    static let cases = [
        ("embeddings-a", "pipeline-a", ["Leaf.safetensors"]),
        ("embeddings-b", "pipeline-b", ["learned_embeds.safetensors", "style.pt"]),
        ("embeddings-alt", "pipeline-alt", ["learned_embeds.bin"]),
        ("embeddings-xl", "pipeline-xl", ["ink-style.safetensors"]),
    ]

    private func load(_ model: String, _ files: [String]) async throws -> Model {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.embeddings = files
        return try await Model.load(from: Fixtures.path(model), options: options)
    }

    /// CLIP's and two SentencePiece tokenizers; one vector a word and several; the forms of diffusers and the webui.
    @Test(arguments: cases)
    func learntWordsDrawAsInDiffusers(_ folder: String, _ name: String, _ files: [String]) async throws {
        let reference = try ReferenceRuns(folder)
        let model = try await load(name, files.map { reference.folder + "/" + $0 })
        var worst = 0.0
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let picture = try #require(try await model.generate(try reference.request(index)).first)
            let expected = try reference.latents.float32("\(run.name).latents")
            let error = relativeError(picture.latents?.values ?? [], expected)
            #expect(error < AgainstDiffusersTests.tolerance, "\(folder) \(run.name)")
            worst = max(worst, error)
        }
        print("\(folder): \(reference.runs.count) runs, worst error \(worst)")
        #expect(reference.runs.count >= 2)
        // The words matter, and with them it is another model.
        let plain = try await load(name, [])
        #expect(plain.fingerprint != model.fingerprint)
        await plain.use(reference.scheduler(0))
        let without = try #require(try await plain.generate(try reference.request(0)).first)
        let expected = try reference.latents.float32("\(reference.runs[0].name).latents")
        #expect(relativeError(without.latents?.values ?? [], expected) > 1e-2)
    }

    /// A picture tells which words it was drawn with.
    @Test func aPictureNamesItsWords() async throws {
        let file = Fixtures.path("embeddings-a/Leaf.safetensors")
        let (folder, model) = (try TemporaryFolder(), try await load("pipeline-a", [file]))
        try await model.generate(TinyModel.request())[0].write(to: folder.file("a.png"))
        #expect(try Recipe(contentsOf: folder.file("a.png")).embeddings == [file])
        try await TinyModel.load().generate(TinyModel.request())[0].write(to: folder.file("b.png"))
        #expect(try Recipe(contentsOf: folder.file("b.png")).embeddings == [])
    }

    private func failure(_ model: String, _ files: [String]) async -> String {
        do {
            _ = try await load(model, files)
            return "loaded"
        } catch {
            return "\(error)"
        }
    }

    @Test func aWordOfAnotherWidthNamesBoth() async throws {
        let file = Fixtures.path("embeddings-a/Leaf.safetensors")
        let text = await failure("pipeline-b", [file])
        #expect(text.contains("Leaf.safetensors") && text.contains("32") && text.contains("40"), "\(text)")
        #expect(text.contains("text_encoder"), "\(text)")
    }

    @Test func whatIsNoWordIsRefused() async throws {
        let weights = Fixtures.path("pipeline-b/text_encoder/model.safetensors")
        let text = await failure("pipeline-b", [weights])
        #expect(text.contains("no embedding") && text.contains(weights), "\(text)")
        #expect(await failure("pipeline-b", ["/nowhere.safetensors"]).contains("/nowhere.safetensors"))
        let folder = try TemporaryFolder()
        for (name, dimensions, values) in [
            ("nan", "[1,40]", [Float](repeating: .nan, count: 40)),
            ("cube", "[1,1,40]", [Float](repeating: 1, count: 40)),
            ("scalar", "[]", [1]), ("none", "[0,40]", []),
        ] {
            let header = #"{"word":{"dtype":"F32","shape":\#(dimensions),"data_offsets":[0,\#(values.count * 4)]}}"#
            var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
            for value in values { bytes += withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
            try folder.write(bytes, to: name + ".safetensors")
            let text = await failure("pipeline-b", [folder.file(name + ".safetensors")])
            #expect(text.contains(name + ".safetensors"), "\(text)")
            #expect(name == "none" || text.contains("word"), "\(text)")
        }
    }

    @Test func aWordThatIsThereAlreadyIsRefused() async throws {
        let folder = try TemporaryFolder()
        let source = try [UInt8](contents("embeddings-b/learned_embeds.safetensors"))
        // "a" is in every vocabulary.
        let text = String(decoding: source.dropFirst(8).prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
        #expect(text.contains("<Cat-Toy>"))
        try folder.write(source, to: "first.safetensors")
        try folder.write(source, to: "second.safetensors")
        // Their files' names tell them apart; plain prompts do not.
        let model = try await load("pipeline-b", [folder.file("first.safetensors"), folder.file("second.safetensors")])
        let twice = await message { try await model.check(TinyModel.request()) } ?? ""
        #expect(twice.contains("<Cat-Toy>") && twice.contains("first.safetensors and "), "\(twice)")
    }

    /// The webui's older form names the word beside its vectors; its newer one is called by the word.
    @Test func formsOfOneWordAreTheSame() throws {
        let older = try TextualInversion(path: Fixtures.path("embeddings-b/style.pt"))
        let newer = try TextualInversion(path: Fixtures.path("embeddings-b/my-style.safetensors"))
        #expect(older.name == "my-style" && newer.name == "my-style" && older.count == 3)
        #expect(older.values == newer.values)
        let pickled = try TextualInversion(path: Fixtures.path("embeddings-alt/learned_embeds.bin"))
        let plain = try TextualInversion(path: Fixtures.path("embeddings-alt/learned_embeds.safetensors"))
        #expect(pickled.name == "<猫猫>" && pickled.name == plain.name && pickled.values == plain.values)
    }

    /// A word of SDXL has vectors for each text encoder.
    @Test func wordsOfTwoEncodersAreToldApart() throws {
        let word = try TextualInversion(path: Fixtures.path("embeddings-b/xl-word.safetensors"))
        #expect(word.name == "xl-word" && word.count == 2)
        #expect(try word.vectors(for: "text_encoder", width: 40).map(\.count) == [40, 40])
        #expect(try word.vectors(for: "text_encoder_2", width: 24).map(\.count) == [24, 24])
        #expect(throws: CheckpointError.self) { try word.vectors(for: "text_encoder", width: 24) }
        let plain = try TextualInversion(path: Fixtures.path("embeddings-a/Leaf.safetensors"))
        #expect(plain.name == "Leaf" && plain.count == 2)
    }

    private func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: Fixtures.path(name))) }
}
