import Foundation
import TestSupport
import Testing

/// Pictures of other programs, and the embeddings that they were drawn with, as the program takes them.
struct ForeignPictureTests {
    private let runner: CommandRunner
    private let words = Fixtures.path("foreign")

    init() throws { runner = try CommandRunner() }

    private func from(_ name: String, _ flags: [String] = []) async throws -> Outcome {
        try await runner.run(
            ["--from", Fixtures.path("foreign/\(name).png"), "-m", CommandRunner.tinyModel, "--steps", "2"] + flags)
    }

    @Test func comfyUIsEmbeddingsAreFoundOrNamed() async throws {
        let without = try await from("comfyui-embedding", ["-o", "without"])
        #expect(without.status == 0, "\(without.error)")
        #expect(without.error.contains("warning: the negative prompt asks for embedding:easyneg"), "\(without.error)")
        let found = try await from("comfyui-embedding", ["--embedding-dir", words, "-o", "found"])
        let given = try await from("comfyui-embedding", ["--embedding", words + "/easyneg.safetensors", "-o", "given"])
        let alias = try await from("comfyui-embedding", ["--embd-dir", words, "-o", "alias"])
        for outcome in [found, given, alias] {
            #expect(outcome.status == 0 && !outcome.error.contains("warning"), "\(outcome.error)")
        }
        #expect(try runner.bytes("found.png") == runner.bytes("alias.png"))
        #expect(try runner.bytes("found.png") == runner.bytes("given.png"))
        #expect(try runner.bytes("found.png") != runner.bytes("without.png"))
        // Its own record, in its turn, finds the file again.
        let again = try await runner.run(["--from", "found.png", "-m", CommandRunner.tinyModel, "-q", "-o", "again"])
        #expect(again.status == 0, "\(again.error)")
        #expect(try runner.bytes("again.png") == runner.bytes("found.png"))
        let direct = try await runner.draw([
            "a boat", "-n", "embedding:easyneg, fox", "--like", "comfyui", "-s", "7", "--cfg-scale", "8", "-W", "64",
            "-H",
            "64", "--sampler", "euler", "--schedule", "normal", "--embedding-dir", words, "-q", "-o", "direct",
        ])
        #expect(direct.status == 0, "\(direct.error)")
        // The same but for what the records say of where it is from.
        let pictures = try ["found.png", "direct.png"].map { try runner.picture($0).pixels }
        #expect(pictures[0] == pictures[1])
    }

    @Test func anEmbeddingThatNoPromptUsesIsNamed() async throws {
        let flags = ["--embedding", words + "/style-x.pt"]
        let idle = try await runner.draw(["a style-x boat"] + flags)
        #expect(idle.status == 0 && idle.error.contains("warning: no prompt uses the embedding style-x.pt"))
        #expect(idle.error.contains("\"oldname-12\""), "\(idle.error)")
        let plain = try await runner.draw(["a oldname-12 boat"] + flags)
        #expect(!plain.error.contains("warning") && plain.error.contains("\"oldname-12\""), "\(plain.error)")
        let webUI = try await runner.draw(["a style-x boat", "--like", "webui"] + flags)
        #expect(webUI.status == 0 && !webUI.error.contains("warning"), "\(webUI.error)")
        let folder = try await runner.draw([
            "a onetrainer-word", "--prompt-style", "webui", "--embedding-dir", words, "-q",
        ])
        #expect(folder.status == 0 && folder.error.isEmpty, "\(folder.error)")
        expectFailure(
            try await runner.draw(["-q", "a", "--embedding-dir", "nowhere"]), status: 1, "nowhere", "--embedding-dir")
    }

    @Test func theWebUIsEmbeddingsAreAskedFor() async throws {
        let named = try await from("webui-vae-ti")
        #expect(named.status == 0, "\(named.error)")
        for word in ["easynegative", "--embedding-dir", "--vae", "not checked"] {
            #expect(named.error.contains(word), "\(named.error)")
        }
        try runner.folder.write(Fixtures.bytes("foreign/easyneg.safetensors"), to: "easynegative.safetensors")
        let found = try await from("webui-vae-ti", ["--embedding-dir", "."])
        #expect(found.status == 0 && !found.error.contains("easynegative"), "\(found.error)")
    }

    @Test func recordsOfTextsAreDrawn() async throws {
        let strength = try await from("webui-strength-0", ["-o", "strength"])
        #expect(strength.status == 0 && strength.error.contains("drawn from text"), "\(strength.error)")
        let swarm = try await from("swarmui", ["-o", "swarm"])
        #expect(swarm.status == 0 && swarm.error.contains("SwarmUI"), "\(swarm.error)")
        let heun = try await from("webui-heun", ["-o", "heun"])
        #expect(heun.status == 0 && !heun.error.contains("warning"), "\(heun.error)")
        let info = try await runner.run(["info", "heun.png"])
        #expect(info.output.contains("Sampler: DPM++ 2M SDE") && info.output.contains("Solver type: heun"))
    }

    /// Something useful, of every program.
    @Test func infoTellsOfEveryProgram() async throws {
        for (name, words) in [
            (
                "comfyui-embedding",
                ["a boat\nNegative prompt: embedding:easyneg, fox\nSteps: 20", "Drawn by ComfyUI", "model x"]
            ),
            ("swarmui", ["a boat\nNegative prompt: fox", "Drawn by SwarmUI"]),
            ("sdcpp-utf8", ["café, “neon” 夜空", "Drawn by stable-diffusion.cpp"]),
            ("webui-vae-ti", ["TI hashes", "Drawn by the webui", "easynegative"]),
        ] {
            let info = try await runner.run(["info", Fixtures.path("foreign/\(name).png")])
            #expect(info.status == 0)
            for word in words { #expect(info.output.contains(word), "\(info.output)") }
        }
    }
}
