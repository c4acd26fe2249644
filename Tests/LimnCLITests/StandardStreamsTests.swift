import Foundation
import Limn
import TestSupport
import Testing

/// `-o -` and `-i -`: pictures to and from other programs.
struct StandardStreamsTests {
    private let runner: CommandRunner
    private let image = CommandRunner.tinyModel + "/init.png"
    private let mask = CommandRunner.tinyModel + "/mask.png"

    init() throws { runner = try CommandRunner() }

    private let tiny = ["-m", CommandRunner.tinyModel, "--steps", "2", "-s", "5"]

    @Test func aPictureGoesToStandardOutput() async throws {
        let piped = try await runner.shell(#""$0" "$@" -o - > piped.png"#, tiny + ["a boat"])
        #expect(piped.status == 0, "\(piped.error)")
        #expect(piped.error.contains("limn: ") || !piped.error.isEmpty)
        #expect(try await runner.draw(["a boat", "-s", "5", "-o", "file"]).status == 0)
        #expect(try runner.bytes("piped.png") == runner.bytes("file.png"))
        #expect(runner.files == ["file.png", "piped.png"])
    }

    @Test func severalPicturesHaveNoRoomThere() async throws {
        for flags in [["-b", "2"], ["--prompt-file", "prompts.txt"]] {
            try runner.folder.write(Array("a\nb\n".utf8), to: "prompts.txt")
            let prompt = flags[0] == "-b" ? ["x"] : []
            let outcome = try await runner.draw(prompt + flags + ["-q", "-o", "-"])
            expectFailure(outcome, status: 64, "one picture", "there are 2", "%d")
        }
        expectFailure(try await runner.draw(["x", "-q", "--json", "-o", "-"]), status: 64, "--json")
        expectFailure(try await runner.draw(["x", "-q", "--save-latents", "-"]), status: 64, "--save-latents")
        #expect(runner.files == ["prompts.txt"])
    }

    @Test func aFullDiskOrClosedPipeIsAnError() async throws {
        let full = try await runner.shell(#""$0" "$@" -q -o - > /dev/full"#, tiny + ["a"])
        #expect(full.status == 1 && full.error.contains("standard output"), "\(full.error)")
    }

    @Test func aPictureComesFromStandardInput() async throws {
        let flags = ["a boat", "-s", "5", "--strength", "0.5", "-q"]
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: image)))
        #expect(try await runner.draw(flags + ["-i", image, "-o", "file"]).status == 0)
        let piped = try await runner.draw(flags + ["-i", "-", "-o", "piped"], input: bytes)
        #expect(piped.status == 0, "\(piped.error)")
        #expect(try runner.bytes("file.png") == runner.bytes("piped.png"))
        let white = [UInt8](try Data(contentsOf: URL(fileURLWithPath: mask)))
        #expect(try await runner.draw(flags + ["-i", image, "--mask", mask, "-o", "masked"]).status == 0)
        let masked = try await runner.draw(flags + ["-i", image, "--mask", "-", "-o", "masked-piped"], input: white)
        #expect(masked.status == 0, "\(masked.error)")
        #expect(try runner.bytes("masked.png") == runner.bytes("masked-piped.png"))
        // The record asks for the picture again, and knows it wherever it comes from.
        let from = ["-q", "-m", CommandRunner.tinyModel, "--from", "piped.png", "-o", "again"]
        expectFailure(try await runner.run(from), status: 64, "-i")
        expectFailure(try await runner.run(from + ["-i", "-"], input: white), status: 64, "-i is not")
        #expect(try await runner.run(from + ["-i", "-"], input: bytes).status == 0)
        #expect(try runner.bytes("again.png") == runner.bytes("piped.png"))
    }

    @Test func standardInputIsCheckedLikeAFile() async throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: image)))
        for (bytes, word) in [
            ([], "empty"), (Array("hello, text".utf8), "text"), (Array(whole.prefix(whole.count / 2)), "truncated"),
            ([0xFF, 0xD8, 0xFF, 0xE0], "JPEG"),
        ] {
            let outcome = try await runner.draw(["-q", "x", "-i", "-"], input: bytes)
            expectFailure(outcome, status: 1, "standard input", word)
        }
        for flags in [["x", "-i", "-", "--mask", "-"], ["-", "-i", "-"], ["-p", "-", "-i", "-"]] {
            let outcome = try await runner.draw(["-q"] + flags, input: whole)
            expectFailure(outcome, status: 64, "standard input can be read once")
        }
        #expect(runner.files.isEmpty)
    }

    /// A photo that a phone held upright lies on its side in the file.
    @Test func picturesAreTurnedUpright() async throws {
        let photo = try Picture(contentsOf: Fixtures.path("foreign/phone-photo.png"))
        #expect(photo.width == 64 && photo.height == 128)
        let outcome = try await runner.draw(["x", "-q", "-i", Fixtures.path("foreign/phone-photo.png")])
        #expect(outcome.status == 0, "\(outcome.error)")
        let drawn = try Picture(contentsOf: runner.folder.file("output.png"))
        #expect(drawn.height == 2 * drawn.width)
    }
}
