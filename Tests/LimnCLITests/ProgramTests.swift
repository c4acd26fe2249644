import Foundation
import Limn
import TestSupport
import Testing

/// Help, version, completions, the default model, the benchmark.
struct ProgramTests {
    private let runner: CommandRunner

    init() throws { runner = try CommandRunner() }

    @Test func helpTellsEveryFlagAndSampler() async throws {
        for arguments in [["--help"], ["-h"], ["help"]] {
            let help = try await runner.run(arguments)
            #expect(help.status == 0)
            #expect(help.output.contains("limn \"a red apple\"") && help.output.contains("help generate"))
        }
        let help = try await runner.run(["help", "generate"]).output
        for flag in [
            "-p, --prompt", "-n, --negative-prompt", "-m, --model", "--from", "-i, --init-image, --init-img", "--mask ",
            "--mask-blur", "--strength", "--latents", "-W, --width", "-H, --height", "--steps", "--cfg-scale",
            "--guidance-rescale", "--guidance-end", "--cache-interval", "-s, --seed", "--rng",
            "--sampler, --sampling-method", "--schedule, --scheduler",
            "--eta", "--solver-order", "--solver-type", "--gamma", "--tau", "--snr", "--corrector-steps",
            "--clip-skip", "-o, --output", "-b, --batch-count", "--save-latents", "--json", "--quiet",
            "-t, --threads", "--precision", "--low-memory", "--vae-tiling", "--vae ", "--taesd ",
            "--taesd-preview-only", "--preview ", "--preview-every", "-h, --help", "--version",
            "--sigmas", "--noise-schedule", "--zero-snr", "--brownian-noise", "--s-noise", "--s-churn", "--s-tmin",
            "--s-tmax", "--rtol", "--atol",
            "--lora ", "--lora-dir", "--lora-lenient",
        ] {
            #expect(help.contains(flag), "\(flag)")
        }
        let words = Set(help.split { $0.isWhitespace || $0 == "," }.map(String.init))
        for choice in Choices.samplers + Choices.schedules + Choices.generators {
            #expect(words.contains(choice.name), "\(choice.name)")
        }
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func versionIsTheLibrarys() async throws {
        let outcome = try await runner.run(["--version"])
        #expect(outcome.status == 0 && outcome.output == limnVersion + "\n")
    }

    @Test func shellsGetCompletions() async throws {
        for shell in ["bash", "zsh", "fish"] {
            let outcome = try await runner.run(["--generate-completion-script", shell])
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("sampling-method") && outcome.output.contains("dpm++2m"))
        }
    }

    @Test func theDefaultModelDraws() async throws {
        let outcome = try await runner.run(["a red apple", "--steps", "2", "-s", "7"])
        #expect(outcome.status == 0, "\(outcome.error)")
        let recipe = try Recipe(contentsOf: runner.folder.file("output.png"))
        #expect(recipe.modelName == DefaultModel.name)
        let again = try await runner.run(["--from", "output.png", "-q", "-o", "again"])
        #expect(again.status == 0, "\(again.error)")
        #expect(try runner.bytes("output.png") == runner.bytes("again.png"))
    }

    @Test("Under a limit of the address space, where the program begins anew, the picture is the same")
    func memoryLimits() async throws {
        let draw = ["fox", "-m", CommandRunner.tinyModel, "-s", "1", "--steps", "2", "-t", "1", "-q", "-o"]
        let plain = try await runner.run(draw + ["plain.png"])
        let limited = try await runner.shell("ulimit -v 2000000; exec \"$0\" \"$@\"", draw + ["limited.png"])
        #expect(plain.status == 0 && limited.status == 0, "\(limited.error)")
        #expect(try runner.bytes("plain.png") == runner.bytes("limited.png"))
    }

    @Test func anInstalledProgramFindsItsModel() async throws {
        let manager = FileManager.default
        for folder in ["bin", "share/limn/weights", "elsewhere"] {
            try manager.createDirectory(
                atPath: runner.folder.file(folder), withIntermediateDirectories: true)
        }
        let program = runner.folder.file("bin/limn")
        // By a process of its own: while this one has the copy open for writing, a process started by another test
        // holds it open too, and a program that is open for writing cannot run.
        #expect(try await runner.shell(#"cp "$0" "$1""#, [program]).status == 0)
        try manager.createSymbolicLink(
            atPath: runner.folder.file("share/limn/weights/\(DefaultModel.name)"),
            withDestinationPath: CommandRunner.tinyModel)
        let link = runner.folder.file("elsewhere/draw")
        try manager.createSymbolicLink(atPath: link, withDestinationPath: program)
        let outcome = try await runner.start([link, "x", "--steps", "1", "-o", "picture"]).outcome()
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.error.contains("share/limn/weights/\(DefaultModel.name)"))

        try manager.removeItem(atPath: runner.folder.file("share"))
        let without = try await runner.start([program, "-q", "x"]).outcome()
        expectFailure(without, status: 1, "-m", DefaultModel.environmentVariable)
    }

    @Test func theEnvironmentNamesTheDefaultModel() async throws {
        let environment = [DefaultModel.environmentVariable: CommandRunner.tinyModel]
        let outcome = try await runner.run(["x", "--steps", "1"], environment: environment)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.error.hasPrefix("loading \(CommandRunner.tinyModel)\n"))
        let again = try await runner.run(["--from", "output.png"], environment: environment)
        #expect(again.status == 0, "\(again.error)")
    }

    @Test func theBenchmarkMeasures() async throws {
        let outcome = try await runner.run(["bench", "icons-128", "--repeat", "1", "--json", "-t", "1", "-q"])
        #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let result = try #require(object as? [String: Any])
        #expect(result["shape"] as? String == "icons-128" && result["threads"] as? Int == 1)
        for key in ["packed_weights_bytes", "pack_s", "peak_memory_bytes"] {
            #expect((result[key] as? Double ?? 0) > 0, "\(key)")
        }
        let stages = try #require(result["stages"] as? [[String: Any]])
        #expect(stages.compactMap { $0["name"] as? String } == ["text_encoder", "unet", "vae_encoder", "vae_decoder"])
        for key in ["best_s", "median_s", "arena_bytes"] {
            #expect(stages.allSatisfy { ($0[key] as? Double ?? 0) > 0 }, "\(key)")
        }
        expectFailure(try await runner.run(["bench", "sd9", "-q"]), status: 64, "sd15")
        expectFailure(try await runner.run(["bench", "icons-128", "-W", "65"]), status: 64, "multiple")
        expectFailure(try await runner.run(["bench", "icons-128", "--repeat", "0"]), status: 64, "repeats")
        expectFailure(try await runner.run(["bench", "icons-128", "--batch", "0"]), status: 64, "batch")
        for words in [[], ["icons-128", "-m", "x"], ["-m", "x"], ["icons-128", "--inputs", "x"], ["--inputs", "x"]] {
            expectFailure(try await runner.run(["bench"] + words), status: 64, "--inputs")
        }
    }
}
