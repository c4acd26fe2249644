import Testing

/// Prompts of every kind: empty, enormous, not text at all.
struct PromptTests {
    /// Said outright, an empty prompt is drawn, without guidance by words; one that is missing is an error.
    @Test func anEmptyPromptIsDrawn() async throws {
        let runner = try CommandRunner()
        for style in ["plain", "webui", "comfyui", "sd.cpp"] {
            let flags = ["-n", "fog", "-s", "3", "--prompt-style", style, "-q"]
            let empty = try await runner.draw(["-p", "", "-o", "empty-" + style] + flags)
            #expect(empty.status == 0 && empty.error.isEmpty, "\(empty.error)")
            let again = try await runner.draw(["--from", "empty-\(style).png", "-q", "-o", "again-" + style])
            #expect(again.status == 0, "\(again.error)")
            #expect(try runner.bytes("empty-\(style).png") == runner.bytes("again-\(style).png"))
            let pixels = try runner.picture("empty-\(style).png").pixels
            #expect(try pixels == runner.picture("empty-plain.png").pixels, "\(style)")
        }
        let image = CommandRunner.tinyModel + "/init.png"
        #expect(try await runner.draw(["", "-i", image, "-q", "-o", "positional"]).status == 0)
        #expect(try await runner.draw(["   ", "-q", "-o", "spaces"]).status == 0)
        #expect(try await runner.run(["info", "spaces.png"]).status == 0)
    }

    @Test func aMissingPromptIsRefused() async throws {
        let runner = try CommandRunner()
        expectFailure(try await runner.draw(["-q"]), status: 64, "say what to draw")
        for input in [[], [10], [32, 10]] as [[UInt8]] {
            let outcome = try await runner.draw(["-q", "-"], input: input)
            expectFailure(outcome, status: 64, "standard input is empty", "-p")
        }
        #expect(runner.files.isEmpty)
    }

    @Test func comesFromStandardInputToo() async throws {
        let runner = try CommandRunner()
        let piped = try await runner.draw(["-", "-s", "3", "-o", "piped"], input: Array("a red apple\n".utf8))
        let given = try await runner.draw(["a red apple", "-s", "3", "-o", "given"])
        #expect(piped.status == 0 && given.status == 0, "\(piped.error)")
        #expect(try runner.bytes("piped.png") == runner.bytes("given.png"))
    }

    @Test func anEnormousPromptIsCutWithAWarning() async throws {
        let runner = try CommandRunner()
        let text = String(repeating: "a red apple on a green table ", count: 36_158)
        let outcome = try await runner.draw(["-"], input: Array(text.utf8))
        #expect(outcome.status == 0, "\(outcome.error.prefix(500))")
        #expect(outcome.error.contains("limn: warning: the prompt is longer than the"))
        #expect(outcome.error.utf8.count < 4000)
        #expect(runner.files == ["output.png"])
    }

    @Test func aPromptThatIsNotUTF8IsRefused() async throws {
        let runner = try CommandRunner()
        let argument = try await runner.shell(#"exec "$0" -q "$(printf 'caf\351')""#)
        expectFailure(argument, status: 64, "argument 2", "UTF-8")
        let input = try await runner.draw(["-q", "-"], input: [0x63, 0x61, 0x66, 0xE9])
        expectFailure(input, status: 64, "standard input", "UTF-8")
        #expect(runner.files.isEmpty)
    }

    @Test func aPromptWithNULIsRefused() async throws {
        let runner = try CommandRunner()
        expectFailure(try await runner.draw(["-q", "-"], input: [0x61, 0, 0x62]), status: 64, "NUL")
        #expect(runner.files.isEmpty)
    }

    @Test func aPromptOfMegabytesIsRefused() async throws {
        let runner = try CommandRunner()
        let outcome = try await runner.draw(["-q", "-"], input: Array(repeating: 0x61, count: 17 << 20))
        expectFailure(outcome, status: 64, "16 MiB")
    }
}
