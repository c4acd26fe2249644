import Testing

/// Prompts of every kind: empty, enormous, not text at all.
struct PromptTests {
    @Test func anEmptyPromptIsRefused() async throws {
        let runner = try CommandRunner()
        for prompt in ["", "   ", "\t\n"] {
            expectFailure(try await runner.draw([prompt]), status: 64, "the prompt is empty")
        }
        expectFailure(try await runner.draw(["-"], input: [10]), status: 64, "the prompt is empty")
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
