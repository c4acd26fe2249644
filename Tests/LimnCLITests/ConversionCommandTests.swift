import Foundation
import TestSupport
import Testing

/// `limn convert`, and drawing with a single file.
struct ConversionCommandTests {
    private let runner: CommandRunner
    private let checkpoint = Fixtures.path("originals/sd1.safetensors")
    private let tokenizer = Fixtures.path("pipeline-b/tokenizer")

    init() throws { runner = try CommandRunner() }

    @Test func convertsAndTellsWhatItDid() async throws {
        let outcome = try await runner.run(["convert", checkpoint, "-o", "model", "--tokenizer", tokenizer])
        #expect(outcome.status == 0 && outcome.lines == ["model"], "\(outcome.error)")
        for word in ["it is Stable Diffusion 1", "predicts epsilon", "left out", "averaged weights"] {
            #expect(outcome.error.contains(word), "\(outcome.error)")
        }
        let back = try await runner.run(["convert", "model", "-o", "back.safetensors", "--dtype", "f32", "--json"])
        #expect(back.status == 0)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(back.output.utf8)) as? [String: Any])
        #expect(report["output"] as? String == "back.safetensors" && (report["tensors"] as? Int ?? 0) > 100)
        #expect((report["notes"] as? [String])?.contains("numbers are f32") == true)
        expectFailure(try await runner.run(["convert", "-q", "model", "-o", "back.safetensors"]), status: 1, "already")
        expectFailure(try await runner.run(["convert", "-q", "model", "-o", "x.gguf"]), status: 64, "no .gguf")
        expectFailure(try await runner.run(["convert", "-q", "nowhere", "-o", "x"]), status: 1, "nowhere")
        expectFailure(try await runner.run(["convert", "model", "-o", "x", "--dtype", "f8"]), status: 64, "f8")
    }

    @Test func drawsTheSameWithTheFileAndTheFolder() async throws {
        _ = try await runner.run(["convert", checkpoint, "-o", "model", "--tokenizer", tokenizer])
        let flags = ["a red apple", "-s", "3", "--steps", "2", "-W", "32", "-H", "32", "--save-latents"]
        let folder = try await runner.run(flags + ["folder.safetensors", "-m", "model", "-o", "folder.png"])
        let file = try await runner.run(
            flags + ["file.safetensors", "-m", checkpoint, "--tokenizer", tokenizer, "-o", "file.png"])
        #expect(folder.status == 0 && file.status == 0, "\(folder.error)\(file.error)")
        func data(_ name: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: runner.folder.file(name)))
        }
        #expect(try data("folder.safetensors") == data("file.safetensors"))
        let other = try await runner.run(
            flags + ["other.safetensors", "-m", "model", "--prediction", "v", "-o", "other.png"])
        #expect(other.status == 0)
        #expect(try data("other.safetensors") != data("file.safetensors"))
        expectFailure(try await runner.run(["-q", "x", "-m", checkpoint]), status: 1, "--tokenizer")
    }

    @Test func inspectsASingleFile() async throws {
        let outcome = try await runner.run(["inspect", checkpoint])
        #expect(outcome.status == 0, "\(outcome.error)")
        for word in ["a single-file checkpoint: Stable Diffusion 1", "precision", "F16", "Unusual:", "unet: "] {
            #expect(outcome.output.contains(word), "\(outcome.output)")
        }
    }
}
