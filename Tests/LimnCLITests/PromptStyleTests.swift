import Foundation
import TestSupport
import Testing

/// Prompts with signs, choices, files of prompts and styles, as the program takes them.
struct PromptStyleTests {
    private func record(_ runner: CommandRunner, _ name: String) async throws -> String {
        try await runner.run(["info", name]).output
    }

    @Test func bracketsAreTextUnlessAskedFor() async throws {
        let runner = try CommandRunner()
        let common = ["-s", "1", "-q"]
        _ = try await runner.draw(["a (red:1.5) apple", "-o", "plain"] + common)
        _ = try await runner.draw(["a (red:1.5) apple", "-o", "webui", "--prompt-style", "webui"] + common)
        _ = try await runner.draw(["a red apple", "-o", "none"] + common)
        _ = try await runner.draw(
            ["a (red:1.5) apple", "-o", "ignored", "--prompt-style", "webui", "--emphasis", "ignore"] + common)
        #expect(runner.files.count == 4)
        #expect(try runner.bytes("plain.png") != runner.bytes("webui.png"))
        // The record comes back with --from.
        let again = try await runner.draw(["--from", "webui.png", "-o", "again", "-q"])
        #expect(again.status == 0, "\(again.error)")
        #expect(try runner.bytes("webui.png") == runner.bytes("again.png"))
        #expect(try await record(runner, "webui.png").contains("Prompt style: webui"))
        expectFailure(
            try await runner.draw(["a (b:1.2.3)", "--prompt-style", "webui", "-q"]), status: 64, "not a number")
        expectFailure(try await runner.draw(["a", "--prompt-style", "webby", "-q"]), status: 64, "plain", "comfyui")
    }

    @Test func choicesAreDrawnAndRecorded() async throws {
        let runner = try CommandRunner()
        let outcome = try await runner.draw(["{red|blue} {cat|dog}", "--combinatorial", "-s", "3", "-o", "c-%d"])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines == ["c-1.png", "c-2.png", "c-3.png", "c-4.png"])
        #expect(outcome.error.contains("4 prompts"), "\(outcome.error)")
        var prompts: Set<Substring> = []
        for name in outcome.lines {
            let text = try await record(runner, name)
            prompts.insert(text.prefix { $0 != "\n" })
            #expect(text.contains("Template: ") && text.contains("Seed: 3"), "\(text)")
        }
        #expect(prompts == ["red cat", "blue cat", "red dog", "blue dog"])
        let random = ["{red|blue|green|white} cat", "--wildcards", "-q"]
        let one = try await runner.draw(random + ["-b", "3", "-s", "5", "-o", "w"])
        let two = try await runner.draw(random + ["-s", "6", "-o", "x"])
        #expect(one.lines.count == 3 && two.lines == ["x.png"])
        #expect(try runner.bytes("w-1.png") == runner.bytes("x.png"))
        let plain = try await runner.draw(["{red|blue} cat", "-s", "1", "-o", "p"])
        #expect(plain.error.contains("--wildcards"), "\(plain.error)")
        expectFailure(
            try await runner.draw(["__colour__ cat", "--wildcards", "-q"]), status: 64, "--wildcard-dir")
    }

    @Test func filesOfPromptsAndStyles() async throws {
        let runner = try CommandRunner()
        try runner.folder.write(
            Array("# two\na red apple\n--prompt \"a cat\" --seed 9 --steps 3 --cfg_scale 2\n".utf8), to: "prompts.txt")
        try runner.folder.write(
            Array("name,prompt,negative_prompt\nOil,\"{prompt}, oil\",blurry\n".utf8), to: "styles.csv")
        let outcome = try await runner.draw(
            ["--prompt-file", "prompts.txt", "-s", "4", "--style", "Oil", "--styles", "styles.csv"])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines == ["output.png", "output-1.png"])
        let first = try await record(runner, "output.png")
        #expect(first.contains("a red apple, oil") && first.contains("Negative prompt: blurry"), "\(first)")
        let second = try await record(runner, "output-1.png")
        #expect(second.contains("a cat, oil") && second.contains("Seed: 9") && second.contains("Steps: 3"), "\(second)")
        let same = try await runner.draw(["a red apple, oil", "-n", "blurry", "-s", "4", "-q", "-o", "same"])
        #expect(same.status == 0)
        #expect(try runner.bytes("same.png") == runner.bytes("output.png"))
        let oli = ["a", "--style", "Oli", "--styles", "styles.csv", "-q"]
        expectFailure(try await runner.draw(oli), status: 64, "Oli", "Oil")
        expectFailure(try await runner.draw(["a", "--style", "Oil", "-q"]), status: 64, "--styles")
        expectFailure(try await runner.draw(["a", "--prompt-file", "prompts.txt", "-q"]), status: 64, "leave out")
        try runner.folder.write(Array("a\n--prompt b --width 7\n".utf8), to: "bad.txt")
        let before = runner.files
        expectFailure(try await runner.draw(["--prompt-file", "bad.txt", "-q"]), status: 64, "width")
        #expect(runner.files == before)
    }

    /// A line's number of steps counts, also where it is the one that other models take by themselves.
    @Test func linesSayTheirSteps() async throws {
        let runner = try CommandRunner()
        try runner.folder.write(Array("a cat\n--prompt \"a cat\" --steps 25\n".utf8), to: "prompts.txt")
        let outcome = try await runner.run(
            ["-m", Fixtures.path("pipeline-lcm"), "--prompt-file", "prompts.txt", "-s", "1", "-q"])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try await record(runner, "output.png").contains("Steps: 4,"))
        #expect(try await record(runner, "output-1.png").contains("Steps: 25,"))
    }

    @Test func tokenizeShowsWhatIsRead() async throws {
        let runner = try CommandRunner()
        let model = Fixtures.path("pipeline-xl")
        let text = try await runner.run(
            ["tokenize", "a (red:1.5) [cat:dog:0.4] BREAK b", "-m", model, "--prompt-style", "webui", "--steps", "10"])
        #expect(text.status == 0, "\(text.error)")
        for words in ["text_encoder_2", "×1.5", "steps 1–4", "steps 5–10", "chunk 2", "75 tokens at a time"] {
            #expect(text.output.contains(words), "\(words): \(text.output)")
        }
        let cut = try await runner.run(["tokenize", String(repeating: "red ", count: 100)])
        #expect(cut.status == 0 && cut.output.contains("left out"), "\(cut.error)")
        let json = try await runner.run(["tokenize", "a cat", "-m", model, "--json"])
        let value = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(value?["style"] as? String == "plain" && (value?["texts"] as? [Any])?.count == 1)
        expectFailure(try await runner.run(["tokenize", "a", "-m", "/nowhere"]), status: 1, "/nowhere")
        expectFailure(try await runner.run(["tokenize", "a", "--steps", "0"]), status: 64, "1 to 1000")
    }
}
