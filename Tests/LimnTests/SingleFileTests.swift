import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn

/// Models in one file with the names of the original code.
struct SingleFileTests {
    private static let tokenizer = Fixtures.path("pipeline-b/tokenizer")

    private static func options(_ change: (inout LoadOptions) -> Void = { _ in }) -> LoadOptions {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.tokenizer = tokenizer
        change(&options)
        return options
    }

    /// What `Tools/reference/originals.py` asked diffusers for.
    private static var request: Request {
        var request = Request(prompt: "a red apple")
        (request.negativePrompt, request.steps, request.guidanceScale) = ("blurry", 8, 4)
        (request.width, request.height, request.seed) = (32, 24, 3)
        return request
    }

    private static func latents(_ model: Model, _ request: Request = request) async throws -> [Float] {
        try #require(try await model.generate(request).first?.latents?.values)
    }

    @Test(arguments: ["sd1", "sd2", "xl"])
    func drawsWhatDiffusersDraws(_ name: String) async throws {
        let model = try await Model.load(
            from: Fixtures.path("originals/\(name).safetensors"), options: Self.options())
        let expected = try SafetensorsFile(path: Fixtures.path("originals/\(name).latents.safetensors"))
        let error = relativeError(try await Self.latents(model), try expected.float32("latents"))
        #expect(error < 1e-3, "\(name): \(error)")
    }

    @Test func averagedWeightsDrawSomethingElse() async throws {
        let path = Fixtures.path("originals/sd1.safetensors")
        let last = try await Model.load(from: path, options: Self.options())
        let averaged = try await Model.load(from: path, options: Self.options { $0.prefersAverages = true })
        #expect(try await Self.latents(last) != Self.latents(averaged))
        #expect(last.fingerprint != averaged.fingerprint)
    }

    @Test func thePredictionIsToldAndCanBeOverruled() async throws {
        let path = Fixtures.path("originals/sd2.safetensors")
        let model = try await Model.load(from: path, options: Self.options())
        var request = Self.request
        let usual = try await Self.latents(model)
        request.sampling.prediction = .velocity
        #expect(try await Self.latents(model, request) == usual)
        request.sampling.prediction = .epsilon
        #expect(try await Self.latents(model, request) != usual)
        // The picture remembers it.
        let folder = try TemporaryFolder()
        let picture = try #require(try await model.generate(request).first)
        try picture.write(to: folder.file("p.png"))
        #expect(try Recipe(contentsOf: folder.file("p.png")).request().sampling.prediction == .epsilon)
    }

    @Test func aTokenizerIsLookedForBesideTheFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        try FileManager.default.copyItem(atPath: Fixtures.path("originals/sd1.safetensors"), toPath: path)
        // Where there is none, the one that comes with Limn.
        #expect(try TokenizerFolder.find(nil, beside: path).hasSuffix("/tokenizer/clip"))
        try FileManager.default.copyItem(atPath: Self.tokenizer, toPath: folder.file("tokenizer"))
        let beside = try await Model.load(from: path, options: LoadOptions(threads: 1, precision: .float32))
        let given = try await Model.load(from: path, options: Self.options())
        #expect(try await Self.latents(beside) == Self.latents(given))
        let wrong = await message {
            _ = try await Model.load(from: path, options: Self.options { $0.tokenizer = Fixtures.path("unet-a") })
        }
        #expect(wrong?.contains("there is no tokenizer in it") == true)
    }

    @Test func otherFilesAreNamed() async throws {
        let folder = try TemporaryFolder()
        func text(_ tensors: [String: [Int]]) async throws -> String {
            let path = folder.file("other.safetensors")
            try SafetensorsWriter.write(
                tensors.map {
                    OutputTensor(
                        name: $0.key, shape: $0.value, values: Array(repeating: 0, count: $0.value.reduce(1, *)))
                }, to: path)
            return await message { _ = try await Model.load(from: path, options: Self.options()) } ?? "nothing"
        }
        #expect(try await text(["joint_blocks.0.x": [1]]).contains("Stable Diffusion 3"))
        #expect(try await text(["control_model.x": [1]]).contains("ControlNet"))
        #expect(try await text(["lora_unet_x.lora_down.weight": [1, 1]]).contains("this is a LoRA"))
        #expect(try await text(["emb_params": [2, 768]]).contains("an embedding"))
        #expect(try await text(["decoder.conv_in.weight": [1]]).contains("this is a VAE"))
        #expect(try await text([:]).contains("a file without tensors"))
        let unet = "model.diffusion_model.input_blocks.0.0.weight"
        #expect(try await text([unet: [1]]).contains("no text encoder"))
        #expect(try await text([unet: [1], "strange.weight": [1]]).contains("\"strange.weight\""))
        #expect(
            try await text([unet: [1], "cond_stage_model.transformer.text_model.x": [1]]).contains("has no VAE"))
        #expect(
            try await text([
                unet: [1], "cond_stage_model.transformer.text_model.x": [1], "first_stage_model.x": [1],
            ]).contains("conv_in.weight"))
    }
}
