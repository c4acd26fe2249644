import TestSupport
import Testing

struct LoRACommandTests {
    private let runner: CommandRunner
    private let folder = Fixtures.path("loras")

    init() throws { runner = try CommandRunner() }

    @Test func flagsAndPromptAskForTheSame() async throws {
        let flag = try await runner.draw([
            "a red apple", "-s", "1", "-o", "flag.png", "--lora", folder + "/kohya.safetensors:0.5",
        ])
        let tag = try await runner.draw([
            "a red apple <lora:kohya:0.5>", "-s", "1", "-o", "tag.png", "--lora-dir", folder,
        ])
        let name = try await runner.draw([
            "a red apple", "-s", "1", "-o", "name.png", "--lora-dir", folder, "--lora", "kohya:0.5",
        ])
        let plain = try await runner.draw(["a red apple", "-s", "1", "-o", "plain.png"])
        for outcome in [flag, tag, name, plain] { #expect(outcome.status == 0, "\(outcome.error)") }
        #expect(try runner.bytes("tag.png") == runner.bytes("flag.png"))
        #expect(try runner.bytes("name.png") == runner.bytes("flag.png"))
        #expect(try runner.bytes("plain.png") != runner.bytes("flag.png"))

        let again = try await runner.draw(["--from", "flag.png", "-o", "again.png"])
        #expect(again.status == 0, "\(again.error)")
        #expect(try runner.bytes("again.png") == runner.bytes("flag.png"))
    }

    /// Such a prompt is not missing.
    @Test func aPromptMayBeALoRAAlone() async throws {
        let alone = try await runner.draw(["<lora:kohya:0.5>", "-s", "1", "-o", "alone", "-q", "--lora-dir", folder])
        #expect(alone.status == 0, "\(alone.error)")
        let empty = try await runner.draw([
            "-p", "", "-s", "1", "-o", "empty", "--lora", folder + "/kohya.safetensors:0.5",
        ])
        #expect(try runner.bytes("alone.png") == runner.bytes("empty.png"), "\(empty.error)")
    }

    @Test func whatIsWrongIsSaid() async throws {
        let missing = try await runner.draw(["an apple <lora:koyha:1>", "--lora-dir", folder])
        #expect(missing.status == 64 && missing.error.contains("nearest") && missing.error.contains("kohya"))
        let nowhere = try await runner.draw(["an apple <lora:kohya:1>"])
        #expect(nowhere.status == 64 && nowhere.error.contains("--lora-dir"))
        let negative = try await runner.draw(["an apple", "-n", "<lora:kohya:1>", "--lora-dir", folder])
        #expect(negative.status == 64 && negative.error.contains("negative"))
        let wrong = try await runner.draw(["an apple", "--lora", folder + "/original.safetensors"])
        #expect(wrong.status == 1 && wrong.error.contains("original.safetensors"))
        let gone = try await runner.draw(["an apple", "--lora", "gone.safetensors"])
        #expect(gone.status == 1 && gone.error.contains("gone.safetensors"))
        #expect(runner.files.isEmpty)
    }

    @Test func twoWeightsAreAskedForByFlagAndPrompt() async throws {
        let flag = try await runner.draw([
            "a red apple", "-s", "1", "-o", "flag.png", "--lora", folder + "/kohya:0.25:0.75",
        ])
        let tag = try await runner.draw([
            "a red apple <lora:KOHYA:0.25:unet=0.75>", "-s", "1", "-o", "tag.png", "--lora-dir", folder,
        ])
        let one = try await runner.draw(["a red apple", "-s", "1", "-o", "one.png", "--lora", folder + "/kohya:0.25"])
        for outcome in [flag, tag, one] { #expect(outcome.status == 0, "\(outcome.error)") }
        #expect(try runner.bytes("tag.png") == runner.bytes("flag.png"))
        #expect(try runner.bytes("one.png") != runner.bytes("flag.png"))
        let again = try await runner.draw(["--from", "flag.png", "-o", "again.png"])
        #expect(again.status == 0, "\(again.error)")
        #expect(try runner.bytes("again.png") == runner.bytes("flag.png"))
        let blocks = try await runner.draw(["an apple <lora:kohya:1:lbw=MIDD>", "--lora-dir", folder])
        expectFailure(blocks, status: 64, "(lbw=)", "not supported")
    }

    @Test func loadingIsTimed() async throws {
        let report = try await runner.run(["bench", "--load", CommandRunner.tinyModel])
        #expect(report.status == 0 && report.lines.contains { $0.hasPrefix("to the first step") }, "\(report.error)")
        let json = try await runner.run(["bench", "--load", CommandRunner.tinyModel, "--json"])
        #expect(json.output.contains("\"to_first_step_s\":"))
        let both = try await runner.run(["bench", "icons-128", "--load", CommandRunner.tinyModel])
        #expect(both.status == 64)
    }
}
