import Foundation
import Limn
import Testing

/// Where pictures go, and what is said about them.
struct OutputTests {
    private let runner: CommandRunner

    init() throws { runner = try CommandRunner() }

    @Test func anExistingFileIsNeverWrittenOver() async throws {
        let note = Array("mine".utf8)
        for name in ["output.png", "apple.png"] { try runner.folder.write(note, to: name) }
        #expect(try await runner.draw(["x"]).output == "output-1.png\n")
        #expect(try await runner.draw(["x"]).output == "output-2.png\n")
        #expect(try await runner.draw(["x", "-o", "apple.png"]).output == "apple-1.png\n")
        for name in ["output.png", "apple.png"] { #expect(try Array(runner.bytes(name)) == note) }
        try FileManager.default.createSymbolicLink(
            atPath: runner.folder.file("link.png"), withDestinationPath: "nowhere.png")
        #expect(try await runner.draw(["x", "-o", "link.png"]).output == "link-1.png\n")
        #expect(!runner.files.contains("nowhere.png"))
    }

    @Test func severalAtOnceTakeDifferentNames() async throws {
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<4 { group.addTask { try await runner.draw(["x", "-q"]).output } }
            var names: Set<String> = []
            for try await name in group { names.insert(name) }
            #expect(names == ["output.png\n", "output-1.png\n", "output-2.png\n", "output-3.png\n"])
        }
    }

    @Test func patternsFoldersAndEndings() async throws {
        try FileManager.default.createDirectory(
            atPath: runner.folder.file("folder"), withIntermediateDirectories: true)
        for (argument, names) in [
            ("folder", ["folder/output.png", "folder/output-1.png"]),
            ("folder/", ["folder/output-2.png", "folder/output-3.png"]),
            ("a-%d", ["a-1.png", "a-2.png"]), ("b-%03d.PNG", ["b-001.PNG", "b-002.PNG"]),
            ("folder/c-{seed}-{index}.png", ["folder/c-8-1.png", "folder/c-9-2.png"]),
            ("v1.5", ["v1.5.png", "v1.5-1.png"]), ("{seed}{seed}%", ["88%.png", "99%.png"]),
        ] {
            let outcome = try await runner.draw(["x", "-s", "8", "-b", "2", "-q", "-o", argument])
            #expect(outcome.lines == names, "\(argument): \(outcome.error)")
        }
    }

    @Test func theFolderIsLookedAtBeforeDrawing() async throws {
        expectFailure(
            try await runner.run(["x", "-m", "nowhere", "-o", "missing/a.png"]), status: 1, "missing/", "mkdir -p")
        try runner.folder.write([], to: "file")
        expectFailure(
            try await runner.run(["x", "-m", "nowhere", "-o", "file/a.png"]), status: 1, "not a folder")
        expectFailure(
            try await runner.run(["x", "-m", "nowhere", "--save-latents", "missing/a"]), status: 1, "missing/")
    }

    @Test(.enabled(if: getuid() != 0, "root may write everywhere"))
    func aFolderWithoutPermissionIsRefused() async throws {
        let folder = runner.folder.file("locked")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder)
        expectFailure(try await runner.draw(["-q", "x", "-o", "locked"]), status: 1, "may not be written")
    }

    @Test func aFileThatFindsNoRoomLeavesNothingBehind() async throws {
        // The limit on a file's size stands for the full disk, which a test cannot make. The unit is 512 bytes
        // in some shells and 1024 in others.
        let draw = #"ulimit -f 2; exec "$0" -q x --steps 1 -m "$1""#
        let outcome = try await runner.shell(draw, [CommandRunner.tinyModel])
        expectFailure(outcome, status: 1, "output.png", "larger than is allowed")
        let latents = #"ulimit -f 24; exec "$0" -q x --steps 1 -W 128 -H 128 -m "$1" -o "$2" --save-latents l"#
        let second = try await runner.shell(latents, [CommandRunner.tinyModel, "/proc/self/nowhere/x.png"])
        #expect(second.status == 1)
        #expect(runner.files.isEmpty, "\(runner.files)")
    }

    @Test func aFullStandardOutputIsAnError() async throws {
        try #require(FileManager.default.fileExists(atPath: "/dev/full"))
        let outcome = try await runner.shell(
            #"exec "$0" --steps 1 -q x -m "$1" > /dev/full"#, [CommandRunner.tinyModel])
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("standard output"))
    }

    @Test func aReaderThatLeftIsNoError() async throws {
        let outcome = try await runner.shell(
            #"{ "$0" inspect "$1"; echo $? >&2; } | true"#, [CommandRunner.tinyModel])
        #expect(outcome.error == "0\n")
    }

    @Test func jsonIsOneLineAPicture() async throws {
        let outcome = try await runner.draw(["x", "-s", "41", "-b", "2", "--json", "-W", "128"])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines.count == 2)
        for (index, line) in outcome.lines.enumerated() {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let report = try #require(object as? [String: Any])
            #expect(Set(report.keys) == ["file", "seed", "width", "height", "seconds", "peak_memory_bytes"])
            #expect(report["file"] as? String == ["output.png", "output-1.png"][index])
            #expect(report["seed"] as? Int == 41 + index)
            #expect(report["width"] as? Int == 128 && report["height"] as? Int == 64)
            #expect((report["peak_memory_bytes"] as? Int ?? 0) > 1 << 20)
            let seconds = try #require(report["seconds"] as? [String: Double])
            #expect(
                Set(seconds.keys) == ["load", "text_encoder", "vae_encoder", "unet", "vae_decoder", "total"])
            #expect((seconds["unet"] ?? 0) > 0 && (seconds["vae_decoder"] ?? 0) > 0)
            let parts = seconds.filter { $0.key != "total" }.values.reduce(0, +)
            #expect(abs(parts - (seconds["total"] ?? 0)) < 1e-4)
        }
    }

    @Test func progressIsPlainLinesWithoutATerminal() async throws {
        let outcome = try await runner.draw(["x", "--steps", "40", "-s", "5", "--sampler", "euler"])
        #expect(outcome.output == "output.png\n")
        #expect(!outcome.error.contains("\r") && !outcome.error.contains("\u{1B}"))
        #expect(!outcome.error.contains("loading weights"))
        let steps = outcome.error.split(separator: "\n").filter { $0.contains(" step ") }
        #expect(steps.count == 10)
        #expect(steps.last?.hasPrefix("picture: step 40 of 40, ") == true)
        #expect(outcome.error.contains("seed 5: output.png\n"))
    }

    @Test func quietIsQuiet() async throws {
        let outcome = try await runner.draw(["x", "--quiet"])
        #expect(outcome.status == 0 && outcome.error.isEmpty && outcome.output == "output.png\n")
    }

    @Test func aTerminalGetsABar() async throws {
        let script =
            #"command -v script >/dev/null || exit 77; COLUMNS=80 exec script -qec "'$0' x --steps 5 --sampler euler -m '$1'" /dev/null"#
        let outcome = try await runner.shell(script, [CommandRunner.tinyModel])
        if outcome.status == 77 { return }
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.output.contains("\rloading weights 100 %"))
        #expect(outcome.output.contains("\rdrawing ["))
        #expect(outcome.output.contains("5/5"))
        #expect(outcome.output.contains("output.png"))
        #expect(!outcome.output.contains("picture: step"))
    }
}
