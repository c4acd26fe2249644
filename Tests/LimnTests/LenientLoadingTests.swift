import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn

/// Tensors that belong to no part of a model: left-overs that are known, others that are an error unless it is asked to
/// go on without them, and those that are missing, which always are one.
@Suite(.serialized) struct LenientLoadingTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let unet = "model.diffusion_model.middle_block.0.strange.weight"

    /// The fixtures' Stable Diffusion 1 in one file, with more tensors and fewer.
    private func checkpoint(adding names: [String], removing removed: String? = nil) throws -> String {
        let source = try openTensors(file: Fixtures.path("originals/sd1.safetensors"))
        var tensors = try source.tensors.filter { $0.key != removed }.map { key, info in
            OutputTensor(name: key, shape: info.shape, values: try source.float32(key))
        }
        tensors += names.filter { source.tensors[$0] == nil }.map {
            OutputTensor(name: $0, shape: [2], values: [1, 2])
        }
        let path = folder.file("\(UUID().uuidString).safetensors")
        try SafetensorsWriter.write(tensors, to: path)
        return path
    }

    private func load(_ path: String, isLenient: Bool = false) async throws -> Model {
        var options = LoadOptions(threads: 2, precision: .float32)
        options.tokenizer = Fixtures.path("pipeline-b/tokenizer")
        options.isLenient = isLenient
        return try await Model.load(from: path, options: options)
    }

    private func latents(_ model: Model) async throws -> Latents? {
        var request = Request(prompt: "a red apple")
        (request.steps, request.width, request.height, request.seed) = (2, 32, 24, 3)
        return try await model.generate(request)[0].latents
    }

    /// In every published file, so that they are worth no word; and such as few files have, which are named.
    @Test(
        arguments: [
            (["betas", "posterior_mean_coef1", "lvlb_weights", "log_sigmas", "logit_scale"], 0),
            (["cond_stage_model.transformer.text_model.embeddings.position_ids"], 0),
            (["embedding_manager.string_to_param_dict.*", "embedding_manager.initial_embeddings.*"], 2),
            (["optimizer_states.0.exp_avg", "callbacks.x.best", "first_stage_model.loss.logvar"], 3),
            (["cond_stage_model.transformer.vision_model.x.weight"], 1),
        ] as [([String], Int)])
    func knownLeftOversAreNoError(_ names: [String], _ told: Int) async throws {
        let path = try checkpoint(adding: names)
        let model = try await load(path)
        #expect(model.warnings.count == (told == 0 ? 0 : 1))
        if told > 0 {
            let warning = try #require(model.warnings.first)
            #expect(warning.contains("\(told) of ") && warning.contains("left over from training"), "\(warning)")
            #expect(names.allSatisfy { warning.contains("\"\($0)\"") }, "\(warning)")
        }
        let plain = try await load(Fixtures.path("originals/sd1.safetensors"))
        #expect(try await latents(model) == latents(plain))
        #expect(try Inspection(of: path).problems.isEmpty)
    }

    @Test func othersAreAnErrorThatNamesTheFlagWhichGoesOn() async throws {
        let plain = try await load(Fixtures.path("originals/sd1.safetensors"))
        for (name, subject) in [("strange.thing", "1 of "), (Self.unet, "1 of ")] {
            let path = try checkpoint(adding: [name])
            let text = await message { _ = try await load(path) } ?? ""
            #expect(text.contains(subject) && text.contains("tensors is not used: \"\(name)\""), "\(text)")
            #expect(text.contains("--lenient") && !text.contains("config.json"), "\(text)")
            let inspection = try Inspection(of: path)
            #expect(inspection.problems.count == 1 && inspection.problems[0].contains("--lenient"))
            let model = try await load(path, isLenient: true)
            #expect(model.warnings.count == 1 && model.warnings[0].contains("\"\(name)\""), "\(model.warnings)")
            #expect(try await latents(model) == latents(plain))
        }
    }

    @Test func missingTensorsAreAnErrorAlways() async throws {
        let key = "model.diffusion_model.middle_block.0.in_layers.2.bias"
        let path = try checkpoint(adding: ["strange"], removing: key)
        let text = await message { _ = try await load(path, isLenient: true) } ?? ""
        #expect(text.contains("mid_block.resnets.0.conv1.bias") && text.contains("missing"), "\(text)")
        #expect(text.contains("incomplete or damaged") && !text.contains("config.json"), "\(text)")
    }

    /// A ControlNet beside the model changes what it is for; no flag makes it a plain one.
    @Test(arguments: [("control_model.x", "ControlNet"), ("edm_mean", "Playground"), ("edm_vpred.sigma_max", "CosXL")])
    func otherModelsStayRefused(_ name: String, _ kind: String) async throws {
        let path = try checkpoint(adding: [name])
        #expect(await message { _ = try await load(path, isLenient: true) }?.contains(kind) == true)
    }

    @Test func convertingLeavesThemOut() async throws {
        let path = try checkpoint(adding: ["strange.thing", Self.unet, "embedding_manager.x"])
        var conversion = Conversion(from: path, to: folder.file("out.safetensors"))
        #expect(await message { _ = try conversion.run() }?.contains("--lenient") == true)
        conversion.isLenient = true
        let notes = try conversion.run().notes.joined(separator: "\n")
        for name in ["strange.thing", Self.unet, "embedding_manager.x"] { #expect(notes.contains(name), "\(notes)") }
        let model = try await load(folder.file("out.safetensors"))
        #expect(model.warnings.isEmpty)
        #expect(try await latents(model) == latents(load(Fixtures.path("originals/sd1.safetensors"))))
    }

    /// In a folder, and in a file of a single part.
    @Test func foldersToo() async throws {
        let model = folder.file("model")
        try FileManager.default.copyItem(atPath: Fixtures.path("pipeline-a"), toPath: model)
        let file = model + "/unet/diffusion_pytorch_model.safetensors"
        let source = try SafetensorsFile(path: file)
        var tensors = try source.tensors.map { key, info in
            OutputTensor(name: key, shape: info.shape, values: try source.float32(key))
        }
        tensors.append(OutputTensor(name: "strange", shape: [1], values: [1]))
        try SafetensorsWriter.write(tensors, to: file)
        var options = LoadOptions(threads: 2)
        let text = await message { _ = try await Model.load(from: model, options: options) } ?? ""
        #expect(text.contains("is not used: \"strange\"") && text.contains("does not fit its config.json"), "\(text)")
        #expect(text.contains("--lenient"))
        options.isLenient = true
        let lenient = try await Model.load(from: model, options: options)
        #expect(lenient.warnings.count == 1 && lenient.warnings[0].contains("\"strange\""))
        var conversion = Conversion(from: model, to: folder.file("clean"))
        conversion.isLenient = true
        #expect(try conversion.run().notes.contains { $0.contains("\"strange\"") })
        #expect(try await Model.load(from: folder.file("clean")).warnings.isEmpty)
    }

    /// A network saved out of `DataParallel` is what it is under its own names.
    @Test func namesBelowModule() async throws {
        let source = try openTensors(file: Fixtures.path("originals/sd1.safetensors"))
        let tensors = try source.tensors.map { key, info in
            OutputTensor(name: "module." + key, shape: info.shape, values: try source.float32(key))
        }
        try SafetensorsWriter.write(tensors, to: folder.file("wrapped.safetensors"))
        #expect(try Inspection(of: folder.file("wrapped.safetensors")).kind.contains("Stable Diffusion 1"))
        let model = try await load(folder.file("wrapped.safetensors"))
        #expect(try await latents(model) == latents(load(Fixtures.path("originals/sd1.safetensors"))))
    }
}
