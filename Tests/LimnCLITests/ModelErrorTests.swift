import Foundation
import TestSupport
import Testing

/// Models that are not there, not whole, or not of a kind that is supported.
struct ModelErrorTests {
    /// A copy of the tiny model made of links, so that its files can be taken away or replaced one by one.
    private func copy(in folder: TemporaryFolder) throws -> String {
        let manager = FileManager.default
        let model = folder.file("model")
        for part in ["scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
            try manager.createDirectory(atPath: "\(model)/\(part)", withIntermediateDirectories: true)
            for name in try manager.contentsOfDirectory(atPath: "\(CommandRunner.tinyModel)/\(part)") {
                try manager.createSymbolicLink(
                    atPath: "\(model)/\(part)/\(name)",
                    withDestinationPath: "\(CommandRunner.tinyModel)/\(part)/\(name)")
            }
        }
        try manager.createSymbolicLink(
            atPath: model + "/model_index.json", withDestinationPath: CommandRunner.tinyModel + "/model_index.json")
        return model
    }

    private func replace(_ path: String, with bytes: some Sequence<UInt8>) throws {
        try? FileManager.default.removeItem(atPath: path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// Draws with the model, which must fail, and inspects it, which must say the same.
    private func expectUnusable(
        _ model: String, _ runner: CommandRunner, _ words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await runner.run(["-q", "x", "-m", model, "-o", "picture"])
        for word in words { expectFailure(outcome, status: 1, word, sourceLocation: sourceLocation) }
        let inspection = try await runner.run(["inspect", model])
        #expect(inspection.status == 1, "\(inspection.output)", sourceLocation: sourceLocation)
        for word in words {
            #expect(inspection.output.contains(word), "\(inspection.output)", sourceLocation: sourceLocation)
        }
        #expect(!runner.files.contains("picture.png"), sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        "scheduler", "scheduler/scheduler_config.json", "text_encoder", "text_encoder/config.json",
        "text_encoder/model.safetensors", "tokenizer", "tokenizer/spiece.model", "unet", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors", "vae", "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ])
    func aMissingPartIsNamed(part: String) async throws {
        let runner = try CommandRunner()
        let model = try copy(in: runner.folder)
        try FileManager.default.removeItem(atPath: "\(model)/\(part)")
        try await expectUnusable(model, runner, String(part.split(separator: "/")[0]))
    }

    @Test func aCopyOfLinksIsAModel() async throws {
        let runner = try CommandRunner()
        let model = try copy(in: runner.folder)
        let outcome = try await runner.run(["-q", "x", "-m", model, "--steps", "1"])
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test func whatIsNoModelFolderIsRefused() async throws {
        let runner = try CommandRunner()
        expectFailure(try await runner.run(["-q", "x", "-m", "nowhere"]), status: 1, "nowhere", "no such model")
        let file = CommandRunner.tinyModel + "/unet/diffusion_pytorch_model.safetensors"
        expectFailure(try await runner.run(["-q", "x", "-m", file]), status: 1, "not a whole model", "folder")
        expectFailure(try await runner.run(["-q", "x", "-m", "."]), status: 1, "missing")
    }

    @Test func unsupportedClassesAreNamed() async throws {
        for (file, className, supported) in [
            ("model_index.json", "FluxPipeline", "StableDiffusionPipeline"),
            ("unet/config.json", "UNet3DConditionModel", "UNet2DConditionModel"),
            ("vae/config.json", "AsymmetricAutoencoderKL", "AutoencoderKL"),
            ("scheduler/scheduler_config.json", "FlowMatchEulerDiscreteScheduler", "DDIMScheduler"),
        ] {
            let runner = try CommandRunner()
            let model = try copy(in: runner.folder)
            let config = try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: "\(model)/\(file)")))
            var values = try #require(config as? [String: Any])
            values["_class_name"] = className
            try replace("\(model)/\(file)", with: JSONSerialization.data(withJSONObject: values))
            let isScheduler = file.hasPrefix("scheduler")
            let outcome = try await runner.run(["-q", "x", "-m", model])
            // Another sampler can be named, so that one is the request's matter.
            expectFailure(outcome, status: isScheduler ? 64 : 1, className, supported)
        }
    }

    @Test func brokenFilesAreNamed() async throws {
        for (file, bytes) in [
            ("unet/config.json", Array("{\"in_channels\": ".utf8)), ("vae/config.json", Array("[]".utf8)),
            ("scheduler/scheduler_config.json", Array("nonsense".utf8)), ("model_index.json", []),
            ("tokenizer/spiece.model", [1, 2, 3]),
        ] {
            let runner = try CommandRunner()
            let model = try copy(in: runner.folder)
            try replace("\(model)/\(file)", with: bytes)
            try await expectUnusable(model, runner, String(file.split(separator: "/")[0]))
        }
    }

    /// Foundation's JSON decoder ends the process where it reports an error in such bytes.
    @Test(arguments: [
        "unet/config.json", "vae/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json",
        "tokenizer/tokenizer_config.json", "limn.json",
    ])
    func jsonThatIsNotUTF8IsAnError(_ file: String) async throws {
        let runner = try CommandRunner()
        let model = try copy(in: runner.folder)
        for bytes in [
            Array("{\n  \"beta_end\": 0.012,\n".utf8) + Array(repeating: 0xFF, count: 8) + Array("ction\": 1\n}".utf8),
            Array("{\"_class_name\": \"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8),
        ] {
            try replace("\(model)/\(file)", with: bytes)
            try await expectUnusable(model, runner, file)
        }
    }

    @Test func truncatedWeightsAreAnError() async throws {
        let name = "diffusion_pytorch_model.safetensors"
        let whole = try Data(contentsOf: URL(fileURLWithPath: "\(CommandRunner.tinyModel)/unet/\(name)"))
        for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
            let runner = try CommandRunner()
            let model = try copy(in: runner.folder)
            try replace("\(model)/unet/\(name)", with: whole.prefix(length))
            try await expectUnusable(model, runner, name)
        }
    }

    @Test func weightsThatDoNotFitTheConfigurationAreAnError() async throws {
        let runner = try CommandRunner()
        let model = try copy(in: runner.folder)
        let file = "\(model)/vae/diffusion_pytorch_model.safetensors"
        try replace(
            file,
            with: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("vae-b/diffusion_pytorch_model.safetensors"))))
        try await expectUnusable(model, runner, "does not fit its config.json")
    }
}
