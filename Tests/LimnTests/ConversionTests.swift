import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn

/// Models in other forms, and back.
struct ConversionTests {
    private static let tokenizer = Fixtures.path("pipeline-b/tokenizer")

    @discardableResult
    private func convert(
        _ input: String, _ output: String, _ change: (inout Conversion) -> Void = { _ in }
    ) throws -> Conversion.Report {
        var conversion = Conversion(from: input, to: output)
        conversion.tokenizer = input.hasSuffix(".safetensors") ? Self.tokenizer : nil
        change(&conversion)
        return try conversion.run()
    }

    private func words(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return String(describing: error)
        }
    }

    /// Every tensor's type, shape and bytes.
    private func contents(_ path: String) throws -> [String: String] {
        let source = try SafetensorsFile(path: path)
        var contents: [String: String] = [:]
        for (name, info) in source.tensors {
            let bytes = try source.withBytes(of: name) { Data($0).base64EncodedString() }
            contents[name] = "\(info.dtype) \(info.shape) \(bytes)"
        }
        return contents
    }

    private func latents(_ path: String) async throws -> [Float] {
        var options = LoadOptions(threads: 2, precision: .float32)
        if path.hasSuffix(".safetensors") { options.tokenizer = Self.tokenizer }
        let model = try await Model.load(from: path, options: options)
        var request = Request(prompt: "a red apple")
        (request.steps, request.guidanceScale, request.seed, request.width, request.height) = (3, 4, 3, 32, 24)
        return try #require(try await model.generate(request).first?.latents?.values)
    }

    @Test(arguments: ["sd1", "sd2", "xl"])
    func thereAndBackGivesTheSameBytes(_ name: String) async throws {
        let folder = try TemporaryFolder()
        let file = Fixtures.path("originals/\(name).safetensors")
        let report = try convert(file, folder.file("model"))
        #expect(report.output == folder.file("model") && report.tensors > 100 && !report.notes.isEmpty)
        try convert(folder.file("model"), folder.file("back.safetensors"))
        try convert(folder.file("back.safetensors"), folder.file("again"))

        // What the checkpoint held besides a model is gone, everything else is what it was.
        let (original, back) = (try contents(file), try contents(folder.file("back.safetensors")))
        #expect(back.keys.filter { original[$0] != back[$0] } == [])
        let gone = original.keys.filter { back[$0] == nil }
        let harmless = ["model_ema.", "betas", "alphas", "sqrt_", "denoiser."]
        #expect(
            gone.allSatisfy { key in
                harmless.contains(where: key.hasPrefix) || key.contains("position_ids") || key.contains("logit_scale")
                    || key.contains("resblocks.2.") && name == "sd2"
                    || key.hasSuffix("text_projection") && name == "sd2"
            }, "\(gone.sorted().prefix(5))")
        for part in ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"] {
            let (first, second) = ("model/\(part).safetensors", "again/\(part).safetensors")
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: folder.file(first)))
                    == Data(contentsOf: URL(fileURLWithPath: folder.file(second))), "\(part)")
        }
        let drawn = try await latents(file)
        #expect(try await latents(folder.file("model")) == drawn)
        #expect(try await latents(folder.file("back.safetensors")) == drawn)
    }

    @Test func foldersAsTheyAre() async throws {
        let (name, folder) = ("pipeline-b", try TemporaryFolder())
        try convert(Fixtures.path(name), folder.file("copy"))
        #expect(try await latents(folder.file("copy")) == latents(Fixtures.path(name)))
        for file in ["scheduler/scheduler_config.json", "tokenizer/vocab.json"] {
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: folder.file("copy/" + file)))
                    == Data(contentsOf: URL(fileURLWithPath: Fixtures.path("\(name)/\(file)"))))
        }
        // Shards become one file.
        #expect(FileManager.default.fileExists(atPath: folder.file("copy/unet/diffusion_pytorch_model.safetensors")))
    }

    @Test func numbersOfAnotherType() throws {
        let folder = try TemporaryFolder()
        let file = Fixtures.path("originals/sd1.safetensors")
        try convert(file, folder.file("wide.safetensors")) { $0.type = .float32 }
        try convert(folder.file("wide.safetensors"), folder.file("half.safetensors")) { $0.type = .float16 }
        try convert(file, folder.file("same.safetensors"))
        #expect(try contents(folder.file("half.safetensors")) == contents(folder.file("same.safetensors")))
        let wide = try SafetensorsFile(path: folder.file("wide.safetensors"))
        #expect(Set(wide.tensors.values.map(\.dtype)) == [.f32])

        // bfloat16 is rounded to the nearest: at most one part in 256 away.
        try convert(file, folder.file("brain")) { $0.type = .bfloat16 }
        let brain = try SafetensorsFile(path: folder.file("brain/unet/diffusion_pytorch_model.safetensors"))
        #expect(Set(brain.tensors.values.map(\.dtype)) == [.bf16])
        let key = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
        let (exact, rounded) = (
            try wide.float32(key), try brain.float32("down_blocks.0.resnets.0.conv1.weight")
        )
        #expect(zip(exact, rounded).allSatisfy { abs($0 - $1) <= abs($0) / 256 })
        #expect(exact != rounded)
        let config = try String(contentsOfFile: folder.file("brain/unet/config.json"), encoding: .utf8)
        #expect(config.contains("\"_class_name\": \"UNet2DConditionModel\""))
    }

    @Test func valuesThatDoNotFit() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            [OutputTensor(name: "emb_params", shape: [1, 16], values: [70000] + Array(repeating: 1, count: 15))],
            to: folder.file("wide.safetensors"))
        let text = words {
            try convert(folder.file("wide.safetensors"), folder.file("half.safetensors")) { $0.type = .float16 }
        }
        #expect(text.contains("emb_params") && text.contains("65504"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["wide.safetensors"])
        // As bfloat16 it fits, and is left what it is otherwise.
        try convert(folder.file("wide.safetensors"), folder.file("brain.safetensors")) { $0.type = .bfloat16 }
        let value = try SafetensorsFile(path: folder.file("brain.safetensors")).float32("emb_params")[0]
        #expect(abs(value - 70000) < 300)
    }

    @Test func anotherVAEAndAveragedWeights() async throws {
        let folder = try TemporaryFolder()
        let file = Fixtures.path("originals/sd1.safetensors")
        try convert(file, folder.file("own.safetensors"))
        // Another model's VAE of the same form, as the folder and as the original file.
        try convert(Fixtures.path("originals/sd2.safetensors"), folder.file("other"))
        let other = folder.file("other/vae/diffusion_pytorch_model.safetensors")
        try convert(file, folder.file("a.safetensors")) { $0.vae = folder.file("other/vae") }
        try convert(file, folder.file("b.safetensors")) { $0.vae = other }
        try convert(file, folder.file("c.safetensors")) { $0.vae = Fixtures.path("originals/sd2.safetensors") }
        let (own, replaced) = (try contents(folder.file("own.safetensors")), try contents(folder.file("a.safetensors")))
        #expect(try contents(folder.file("b.safetensors")) == replaced)
        #expect(try contents(folder.file("c.safetensors")) == replaced)
        #expect(own.keys == replaced.keys)
        #expect(own.allSatisfy { $0.key.hasPrefix("first_stage_model.") || replaced[$0.key] == $0.value })
        let key = "first_stage_model.decoder.conv_in.weight"
        #expect(own[key] != replaced[key])
        for (vae, word) in [("vae-b", "have 3 channels"), ("tiny-b", "tiny autoencoder"), ("text-a", "no weights")] {
            let text = words {
                try convert(file, folder.file("d.safetensors")) { $0.vae = Fixtures.path(vae) }
            }
            #expect(text.contains(vae) && text.contains(word), "\(text)")
        }

        try convert(file, folder.file("averaged.safetensors")) { $0.prefersAverages = true }
        let name = "model.diffusion_model.out.2.weight"
        let (last, averaged) = (
            try SafetensorsFile(path: folder.file("own.safetensors")).float32(name),
            try SafetensorsFile(path: folder.file("averaged.safetensors")).float32(name)
        )
        #expect(averaged == last.map { 2 * $0 })
    }

    /// The forms of VAEs that are drawn with are those that are written: a folder and a file of diffusers, the original
    /// names. What is drawn with the model that was written is what is drawn with `LoadOptions.vae`.
    @Test func everyFormOfAVAEIsWritten() async throws {
        let folder = try TemporaryFolder()
        let vae = Fixtures.path("vae-d")
        var options = LoadOptions(threads: 2, precision: .float32)
        options.vae = vae
        let expected = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
            .generate(TinyModel.request())[0]
        options.vae = nil
        for (index, form) in ["", "/diffusion_pytorch_model.safetensors", "/bare.safetensors"].enumerated() {
            try convert(Fixtures.path("pipeline-a"), folder.file("\(index)")) { $0.vae = vae + form }
            let model = try await Model.load(from: folder.file("\(index)"), options: options)
            let config = try String(contentsOfFile: folder.file("\(index)/vae/config.json"), encoding: .utf8)
            // Nobody tells the last one's scaling factor, so that the model's is kept.
            guard form != "/bare.safetensors" else {
                #expect(config.contains("1.9313"))
                continue
            }
            #expect(config.contains("\"scaling_factor\": 0.5"))
            #expect(try await model.generate(TinyModel.request())[0].pixels == expected.pixels, "\(form)")
        }
    }

    @Test func whatASingleFileCannotSayIsRefused() throws {
        let folder = try TemporaryFolder()
        // Four attention heads where everybody would take it for eight.
        let text = words { try convert(Fixtures.path("pipeline-b"), folder.file("b.safetensors")) }
        #expect(text.contains("single file cannot say") || text.contains("no such tensor"), "\(text)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func nothingIsWrittenOverAndNothingLeftBehind() throws {
        let folder = try TemporaryFolder()
        let file = Fixtures.path("originals/sd1.safetensors")
        try folder.write([1], to: "taken.safetensors")
        try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: false)
        #expect(words { try convert(file, folder.file("taken.safetensors")) }.contains("already"))
        #expect(words { try convert(file, folder.file("empty")) }.contains("already"))
        #expect(words { try convert(file, folder.file("x.ckpt")) }.contains("no .ckpt"))
        #expect(words { try convert(file, folder.file("none/x.safetensors")) }.contains("no such file"))
        #expect(words { try convert(folder.file("none"), folder.file("y")) }.contains("no such file"))
        for output in ["stopped.safetensors", "stopped"] {
            var conversion = Conversion(from: file, to: folder.file(output))
            conversion.tokenizer = Self.tokenizer
            var seen = 0
            #expect(throws: LimnError.self) {
                _ = try conversion.run { progress in
                    #expect(progress.bytes > seen && progress.bytes <= progress.ofBytes)
                    seen = progress.bytes
                    if progress.bytes > progress.ofBytes / 2 { throw LimnError("stopped") }
                }
            }
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["empty", "taken.safetensors"])
    }

    @Test func filesThatAreNoModel() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            [OutputTensor(name: "lora_unet_x.lora_down.weight", shape: [2, 2], values: [1, 2, 3, 4])],
            metadata: ["ss_network_dim": "2"], to: folder.file("lora.safetensors"))
        let report = try convert(folder.file("lora.safetensors"), folder.file("half.safetensors")) {
            $0.type = .float16
        }
        #expect(report.notes.contains { $0.contains("a LoRA") })
        let half = try SafetensorsFile(path: folder.file("half.safetensors"))
        #expect(try half.float32("lora_unet_x.lora_down.weight") == [1, 2, 3, 4])
        #expect(half.metadata == ["ss_network_dim": "2", "format": "pt"])
        #expect(
            words { try convert(folder.file("lora.safetensors"), folder.file("model")) }.contains("not a whole model"))
    }
}
