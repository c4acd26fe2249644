import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// The same request gives the same bytes.
struct ReproductionTests {
    private let runner: CommandRunner

    init() throws { runner = try CommandRunner() }

    @Test func aPictureIsDrawnAgainFromItsFile() async throws {
        let first = try await runner.draw([
            "a red apple, (green: no)", "-n", "Steps: 3, blue\nlines", "-s", "18446744073709551615", "--sampler",
            "euler_a", "--eta", "0.7", "--cfg-scale", "3.3", "--clip-skip", "2", "-W", "128", "-o", "first",
            "--guidance-end", "0.6", "--cache-interval", "3",
        ])
        #expect(first.status == 0, "\(first.error)")
        for (source, copy) in [("first.png", "second"), ("second.png", "third")] {
            let outcome = try await runner.run(["--from", source, "-m", CommandRunner.tinyModel, "-o", copy])
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(!outcome.error.contains("warning"))
            #expect(try runner.bytes("first.png") == runner.bytes(copy + ".png"))
        }
    }

    @Test(arguments: ["webui", "comfyui", "sd.cpp"])
    func whatIsLikeAnotherProgramsIsDrawnAgain(_ program: String) async throws {
        let more = program == "webui" ? ["--ensd", "31337", "--sgm-noise"] : []
        let first = try await runner.draw(
            ["an (apple:1.3)", "--like", program, "-s", "5", "--sampler", "euler_a", "-b", "2", "-o", "first-%d"] + more
        )
        #expect(first.status == 0, "\(first.error)")
        for name in ["first-1", "first-2"] {
            let outcome = try await runner.run([
                "--from", name + ".png", "-m", CommandRunner.tinyModel, "-o", "again-" + name,
            ])
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(try runner.bytes(name + ".png") == runner.bytes("again-" + name + ".png"))
        }
        #expect(try runner.bytes("first-1.png") != runner.bytes("first-2.png"))
        expectFailure(try await runner.draw(["a", "--like", "invoke"]), status: 64, "sd.cpp")
        expectFailure(
            try await runner.draw(["a", "-q", "--like", "comfyui", "--ensd", "1"]), status: 64, "--like webui")
    }

    @Test func guidanceIsDrawnAgainToo() async throws {
        let flags = [
            "a red apple", "-s", "3", "--guidance-start", "0.1", "--guidance-sigmas", "0.1,12", "--guidance-curve",
            "cosine:2", "--pag-scale", "2", "--pag-adaptive-scale", "0.001", "--pag-layers", "mid,up.block_1",
            "--sag-scale", "0.6", "--apg", "eta=0.2", "--x0-threshold", "0.99,range=3", "-o", "first",
        ]
        let first = try await runner.draw(flags)
        #expect(first.status == 0, "\(first.error)")
        let again = ["-q", "--from", "first.png", "-m", CommandRunner.tinyModel]
        #expect(try await runner.run(again + ["-o", "second"]).status == 0)
        #expect(try runner.bytes("first.png") == runner.bytes("second.png"))
        // Taken away again, nothing of it is left.
        let off = [
            "--guidance-start", "0", "--guidance-sigmas", "off", "--guidance-curve", "off", "--pag-scale", "0",
            "--sag-scale", "0", "--apg", "off", "--x0-threshold", "off",
        ]
        #expect(try await runner.run(again + off + ["-o", "third", "--save-latents", "off"]).status == 0)
        let plain = ["a red apple", "-s", "3", "-o", "plain", "--save-latents", "plain"]
        #expect(try await runner.draw(plain).status == 0)
        #expect(try runner.bytes("off.safetensors") == runner.bytes("plain.safetensors"))
    }

    @Test func aPaintedOverPictureIsDrawnAgainGivenItsParts() async throws {
        let parts = ["-i", CommandRunner.tinyModel + "/init.png", "--mask", CommandRunner.tinyModel + "/mask.png"]
        let first = try await runner.draw(["a hat", "--strength", "0.6", "--steps", "5", "-o", "first"] + parts)
        #expect(first.status == 0, "\(first.error)")
        let model = ["-q", "--from", "first.png", "-m", CommandRunner.tinyModel, "-o", "second"]
        #expect(try await runner.run(model + parts).status == 0)
        #expect(try runner.bytes("first.png") == runner.bytes("second.png"))
        expectFailure(try await runner.run(model), status: 64, "-i")
        expectFailure(try await runner.run(model + parts.prefix(2)), status: 64, "--mask")
    }

    @Test func noiseByHandIsKeptAndDrawnAgain() async throws {
        let tuned = [
            ["--sampler", "heun", "--sigmas", "14.6, 7,3,1,0", "--s-churn", "3", "--s-tmin", "0.5", "--s-tmax", "10"],
            ["--sampler", "dpm_adaptive", "--rtol", "0.1", "--atol", "0.02"],
            ["--sampler", "euler_a", "--s-noise", "0.9", "--noise-schedule", "cosine", "--schedule", "sgm_uniform"],
        ]
        let model = ["-q", "-m", CommandRunner.tinyModel]
        for (index, flags) in tuned.enumerated() {
            let first = try await runner.run(model + ["a", "-s", "3", "-o", "first\(index)"] + flags)
            #expect(first.status == 0, "\(first.error)")
            let again = try await runner.run(model + ["--from", "first\(index).png", "-o", "again\(index)"])
            #expect(again.status == 0, "\(again.error)")
            #expect(try runner.bytes("first\(index).png") == runner.bytes("again\(index).png"))
        }
        let recipe = try Recipe(contentsOf: runner.folder.file("first0.png"))
        #expect(try recipe.request().steps == 4)
        #expect(recipe.parameters?.contains("Sigmas: 14.6 7.0 3.0 1.0 0.0, Sigma churn: 3, Sigma tmin: 0.5") == true)
        // Another sampler, or another number of steps, is not bound to them.
        let changed = try await runner.run(
            model + ["--from", "first0.png", "--sampler", "ddim", "--steps", "4", "-o", "changed"])
        #expect(changed.status == 0, "\(changed.error)")
        let direct = try await runner.run(
            model + ["a", "-s", "3", "--sampler", "ddim", "--steps", "4", "-o", "direct"])
        #expect(direct.status == 0)
        #expect(try runner.bytes("changed.png") == runner.bytes("direct.png"))
    }

    @Test func flagsChangeWhatTheFileSays() async throws {
        _ = try await runner.draw(["a", "-s", "1", "-o", "first"])
        let from = ["-q", "--from", "first.png", "-m", CommandRunner.tinyModel]
        #expect(try await runner.run(from + ["-s", "2", "-n", "dark", "--steps", "3", "-o", "changed"]).status == 0)
        let direct = try await runner.draw(["a", "-s", "2", "-n", "dark", "--steps", "3", "-o", "direct"])
        #expect(direct.status == 0)
        #expect(try runner.bytes("changed.png") == runner.bytes("direct.png"))
    }

    @Test func aPictureOfAnotherVAEAsksForItAgain() async throws {
        let vae = ["--vae", Fixtures.path("vae-d")]
        let taesd = ["--taesd", Fixtures.path("tiny-original")]
        let first = try await runner.draw(["a", "-s", "1", "-o", "first"] + vae + taesd)
        #expect(first.status == 0, "\(first.error)")
        let from = ["-q", "--from", "first.png", "-m", CommandRunner.tinyModel, "-o", "second"]
        expectFailure(try await runner.run(from), status: 64, "--vae vae-d")
        expectFailure(try await runner.run(from + vae), status: 64, "--taesd tiny-original")
        #expect(try await runner.run(from + vae + taesd).status == 0)
        #expect(try runner.bytes("first.png") == runner.bytes("second.png"))
    }

    @Test func learntWordsAreFoundAgainOrAskedFor() async throws {
        try runner.folder.write(Fixtures.bytes("embeddings-a/Leaf.safetensors"), to: "Leaf.safetensors")
        let word = ["--embedding", "Leaf.safetensors"]
        let first = try await runner.draw(["a red Leaf", "-s", "1", "-o", "first"] + word)
        #expect(first.status == 0, "\(first.error)")
        let from = ["-q", "--from", "first.png", "-m", CommandRunner.tinyModel, "-o"]
        #expect(try await runner.run(from + ["second"]).status == 0)
        #expect(try runner.bytes("first.png") == runner.bytes("second.png"))
        try FileManager.default.moveItem(
            atPath: runner.folder.file("Leaf.safetensors"), toPath: runner.folder.file("Moved.safetensors"))
        expectFailure(try await runner.run(from + ["third"]), status: 64, "--embedding", "Leaf.safetensors")
        // What is given is taken, here under the name that its file has now.
        let moved = try await runner.run(from + ["fourth", "--embedding", "Moved.safetensors"])
        #expect(moved.status == 0, "\(moved.error)")
    }

    @Test func previewsAreRenewedAndNothingElseIsReplaced() async throws {
        let flags = ["--preview", "preview.png", "--taesd", Fixtures.path("tiny-b"), "--taesd-preview-only"]
        let plain = try await runner.draw(["a", "-s", "1", "--steps", "4", "-o", "plain"])
        #expect(plain.status == 0)
        let first = try await runner.draw(["a", "-s", "1", "--steps", "4", "-o", "first"] + flags)
        #expect(first.status == 0, "\(first.error)")
        #expect(try runner.bytes("first.png") == runner.bytes("plain.png"))
        let preview = try runner.bytes("preview.png")
        #expect(try Picture(contentsOf: runner.folder.file("preview.png")).width == 64)
        let second = try await runner.draw(["a", "-s", "2", "--steps", "4", "--preview-every", "2"] + flags)
        #expect(second.status == 0, "\(second.error)")
        #expect(try runner.bytes("preview.png") != preview)
        let third = try await runner.draw(["a", "--preview", "first.png"])
        expectFailure(third, status: 64, "first.png", "not written over")
        expectFailure(try await runner.draw(["a", "--preview-every", "2"]), status: 64, "--preview")
        expectFailure(try await runner.draw(["a", "--preview", "p.png", "--preview-every", "0"]), status: 64, "1 to")
        expectFailure(try await runner.draw(["a", "--taesd-preview-only"]), status: 64, "--taesd")
    }

    @Test func fromSaysWhichModelItNeeds() async throws {
        _ = try await runner.draw(["a", "-s", "1", "--sampler", "euler", "-o", "first"])
        expectFailure(try await runner.run(["-q", "--from", "first.png"]), status: 64, "pipeline-a", "-m")
        let other = try await runner.run(["--from", "first.png", "-m", Fixtures.path("pipeline-b"), "-o", "other"])
        #expect(other.status == 0, "\(other.error)")
        #expect(other.error.contains("limn: warning: pipeline-b is not the model that drew first.png"))
    }

    @Test func aPictureWithoutARecordCannotBeDrawnAgain() async throws {
        let bare = CommandRunner.tinyModel + "/init.png"
        expectFailure(try await runner.run(["-q", "--from", bare]), status: 1, "does not say how it was made")
        expectFailure(try await runner.run(["-q", "--from", "none.png"]), status: 1, "none.png")
    }

    @Test func threadsAndBatchDoNotChangeAPicture() async throws {
        for (threads, name) in [("1", "one"), ("2", "two"), ("5", "five")] {
            #expect(try await runner.draw(["a", "-s", "6", "-b", "3", "-t", threads, "-o", name + "-%d"]).status == 0)
        }
        #expect(try await runner.draw(["a", "-s", "8", "-o", "alone"]).status == 0)
        for index in 1...3 {
            #expect(try runner.bytes("one-\(index).png") == runner.bytes("two-\(index).png"))
            #expect(try runner.bytes("one-\(index).png") == runner.bytes("five-\(index).png"))
        }
        #expect(try runner.bytes("one-3.png") == runner.bytes("alone.png"))
        #expect(try runner.bytes("one-1.png") != runner.bytes("one-2.png"))
    }

    @Test func latentsGoOutAndComeIn() async throws {
        let first = try await runner.draw(["a", "-s", "6", "-b", "2", "--save-latents", "final"])
        #expect(first.status == 0, "\(first.error)")
        #expect(first.error.contains("latents: final.safetensors\n"))
        let file = try SafetensorsFile(path: runner.folder.file("final.safetensors"))
        let info = try file.info("latents")
        #expect(file.tensors.count == 1 && info.dtype == .f32)
        #expect(info.shape.count == 4 && info.shape[0] == 2 && info.shape[1] == 4)
        let again = try await runner.draw(["a", "-s", "6", "-b", "2", "-q", "--save-latents", "final.safetensors"])
        #expect(again.status == 0)
        #expect(try runner.bytes("final.safetensors") == runner.bytes("final-1.safetensors"))

        let given = ["a", "-s", "6", "-b", "2", "--latents", "final.safetensors", "-q", "-o"]
        #expect(try await runner.draw(given + ["x-%d"]).status == 0)
        #expect(try await runner.draw(given + ["y-%d"]).status == 0)
        #expect(try runner.bytes("x-1.png") == runner.bytes("y-1.png"))
        #expect(try runner.bytes("x-1.png") != runner.bytes("output.png"))
        // The record of one picture of two speaks of its own noise, which is found among both.
        let from = try await runner.run([
            "--from", "x-2.png", "-m", CommandRunner.tinyModel, "--latents", "final.safetensors", "-o", "z",
        ])
        #expect(from.status == 0, "\(from.error)")
        #expect(try runner.bytes("z.png") == runner.bytes("x-2.png"))
        let without = try await runner.run(["--from", "x-2.png", "-m", CommandRunner.tinyModel])
        expectFailure(without, status: 64, "--latents")
    }
}
