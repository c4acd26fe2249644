import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn

/// Kinds of single files that differ from others in a few tensors, against their own diffusers pipelines. What is asked
/// for is that of `Tools/reference/original_variants.py`.
@Suite(.serialized) struct SingleFileVariantTests {
    private static let folder = Fixtures.path("originals")

    private static func options(_ change: (inout LoadOptions) -> Void = { _ in }) -> LoadOptions {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.tokenizer = Fixtures.path("pipeline-b/tokenizer")
        change(&options)
        return options
    }

    private static func request(_ change: (inout Request) throws -> Void = { _ in }) rethrows -> Request {
        var request = Request(prompt: "a red apple")
        (request.negativePrompt, request.steps, request.guidanceScale) = ("blurry", 8, 4)
        (request.width, request.height, request.seed) = (32, 24, 3)
        try change(&request)
        return request
    }

    /// A file with some tensors of another in the place of its own.
    private static func write(_ base: String, changedBy name: String, to path: String) throws {
        let base = try openTensors(file: "\(folder)/\(base).safetensors")
        let changes = try openTensors(file: "\(folder)/\(name).changes.safetensors")
        let copies = try base.tensors.keys.map { key in
            try TensorCopy(key, of: changes.tensors[key] == nil ? base : changes, key)
        }
        #expect(changes.tensors.keys.allSatisfy { base.tensors[$0] != nil })
        try SafetensorsWriter.write(copies, metadata: [:], to: path, replacing: false)
    }

    private static func error(_ model: Model, _ request: Request, _ name: String) async throws -> Double {
        let expected = try SafetensorsFile(path: "\(folder)/\(name).latents.safetensors").float32("latents")
        let latents = try #require(try await model.generate(request).first?.latents?.values)
        let error = relativeError(latents, expected)
        print("originals", name, error)
        return error
    }

    /// Its predecessor `sd2` predicts v, which only the size of one norm's bias tells.
    @Test func stableDiffusion2ThatPredictsNoise() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("base.safetensors")
        try Self.write("sd2", changedBy: "sd2-base", to: path)
        let model = try await Model.load(from: path, options: Self.options())
        #expect(await model.scheduler.predictionType == .epsilon)
        #expect(try await Self.error(model, Self.request(), "sd2-base") < 1e-4)
    }

    @Test func aModelThatFollowsInstructions() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("edit.safetensors")
        try Self.write("sd1", changedBy: "sd1-edit", to: path)
        let model = try await Model.load(from: path, options: Self.options())
        let request = try Self.request {
            $0.source.picture = try Picture(contentsOf: Self.folder + "/start.png")
            $0.guidance.imageScale = 1.5
        }
        #expect(try await Self.error(model, request, "sd1-edit") < 1e-3)
    }

    @Test func inpaintingWithXL() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("inpaint.safetensors")
        try Self.write("xl", changedBy: "xl-inpaint", to: path)
        let model = try await Model.load(from: path, options: Self.options())
        #expect(model.isInpainting)
        let request = try Self.request {
            $0.source.picture = try Picture(contentsOf: Self.folder + "/start.png")
            $0.source.mask = try Picture(contentsOf: Self.folder + "/mask.png")
        }
        #expect(try await Self.error(model, request, "xl-inpaint") < 1e-4)
    }

    /// The refiner's file lies without a tokenizer, which the first model's then is.
    @Test func aRefinerGoesOn() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("refiner.safetensors")
        try FileManager.default.copyItem(atPath: Self.folder + "/refiner.safetensors", toPath: path)
        let options = Self.options { $0.refiner = path }
        let model = try await Model.load(from: Self.folder + "/xl.safetensors", options: options)
        let request = Self.request { $0.conditions.refinerStart = 0.5 }
        #expect(try await Self.error(model, request, "refined") < 1e-4)
        let alone = try Self.request()
        #expect(try await model.generate(alone)[0].latents != model.generate(request)[0].latents)
    }

    @Test func aFileThatIsNoRefinerIsRefused() async {
        let path = Self.folder + "/sd1.safetensors"
        let text = await message {
            let options = Self.options { $0.refiner = path }
            _ = try await Model.load(from: Self.folder + "/xl.safetensors", options: options)
        }
        #expect(text?.contains("no refiner") == true, "\(text ?? "no error")")
    }
}
