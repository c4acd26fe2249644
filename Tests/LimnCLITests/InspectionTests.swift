import Foundation
import TestSupport
import Testing

/// `limn info` and `limn inspect`.
struct InspectionTests {
    private let runner: CommandRunner

    init() throws { runner = try CommandRunner() }

    private func json(_ outcome: Outcome) throws -> [String: Any] {
        #expect(outcome.lines.count == 1)
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    @Test func infoTellsHowAPictureWasMade() async throws {
        _ = try await runner.draw(["a red apple", "-n", "blurry", "-s", "9", "--sampler", "euler"])
        let info = try await runner.run(["info", "output.png"])
        #expect(info.status == 0)
        #expect(info.output.hasPrefix("a red apple\nNegative prompt: blurry\nSteps: 2, Sampler: Euler, "))
        for word in ["Seed: 9", "Size: 64x64", "Model: pipeline-a", "limn --from"] {
            #expect(info.output.contains(word), "\(info.output)")
        }
        let report = try json(try await runner.run(["info", "output.png", "--json"]))
        #expect((report["parameters"] as? String)?.hasPrefix("a red apple\nNegative prompt: blurry\nSteps: 2") == true)
        #expect(report["model"] as? String == "pipeline-a")
        #expect(report["exact"] as? Bool == true)
    }

    @Test func infoDoesNotLetAPictureSteerTheTerminal() async throws {
        _ = try await runner.draw(["red \u{1B}[31mapple\u{7}"])
        let info = try await runner.run(["info", "output.png"])
        #expect(info.output.hasPrefix("red \u{FFFD}[31mapple\u{FFFD}\n"))
    }

    @Test func infoOfABarePictureFails() async throws {
        let outcome = try await runner.run(["info", CommandRunner.tinyModel + "/init.png"])
        expectFailure(outcome, status: 1, "does not say how it was made")
    }

    @Test func inspectDescribesAModel() async throws {
        let outcome = try await runner.run(["inspect", CommandRunner.tinyModel])
        #expect(outcome.status == 0)
        for word in ["a Stable Diffusion model\n", "StableDiffusionPipeline", "epsilon", "T5", "64×64", "unet: "] {
            #expect(outcome.output.contains(word), "\(outcome.output)")
        }
        let inpainting = try await runner.run(["inspect", Fixtures.path("pipeline-inpaint")])
        #expect(inpainting.output.contains("for inpainting"))
        #expect(inpainting.output.contains("9 channels in"))
        let sharded = try await runner.run(["inspect", Fixtures.path("pipeline-b")])
        #expect(sharded.status == 0 && sharded.output.contains("CLIP"), "\(sharded.output)")
    }

    @Test func inspectCountsTensors() async throws {
        let report = try json(try await runner.run(["inspect", CommandRunner.tinyModel, "--json"]))
        #expect(report["loadable"] as? Bool == true)
        #expect((report["problems"] as? [String])?.isEmpty == true)
        let parts = try #require(report["parts"] as? [[String: Any]])
        #expect(parts.compactMap { $0["name"] as? String } == ["text_encoder", "unet", "vae"])
        for part in parts {
            let types = try #require(part["tensors_by_type"] as? [String: Int])
            #expect(types.values.reduce(0, +) > 10)
            #expect((part["parameters"] as? Int ?? 0) > 1000)
            #expect((part["bytes"] as? Int ?? 0) >= 2 * (part["parameters"] as? Int ?? 0))
        }
    }

    @Test func inspectListsTensors() async throws {
        let file = CommandRunner.tinyModel + "/text_encoder/model.safetensors"
        let plain = try await runner.run(["inspect", file])
        let listed = try await runner.run(["inspect", file, "--tensors"])
        #expect(!plain.output.contains("layer_norm1.weight") && listed.output.contains("layer_norm1.weight  F"))
        let report = try json(try await runner.run(["inspect", CommandRunner.tinyModel, "--tensors", "--json"]))
        for part in try #require(report["parts"] as? [[String: Any]]) {
            let types = try #require(part["tensors_by_type"] as? [String: Int])
            let listing = try #require(part["listing"] as? [[String: Any]])
            #expect(listing.count == types.values.reduce(0, +))
            #expect(listing.allSatisfy { $0["shape"] is [Int] && $0["name"] is String && $0["type"] is String })
        }
    }

    @Test func inspectReadsASingleFile() async throws {
        let unet = try await runner.run([
            "inspect", Fixtures.path("pipeline-inpaint/unet/diffusion_pytorch_model.safetensors"),
        ])
        #expect(unet.status == 0 && unet.output.contains(": a UNet, 9 channels in"), "\(unet.output)")
        let vae = try await runner.run(["inspect", Fixtures.path("vae-a/diffusion_pytorch_model.safetensors")])
        #expect(vae.output.contains(": a VAE"))
        let text = try await runner.run(["inspect", CommandRunner.tinyModel + "/text_encoder/model.safetensors"])
        #expect(text.output.contains(": a CLIP text encoder"))
    }

    /// What --vae and --taesd take is no broken model.
    @Test(
        arguments: [
            ("vae-a", ": a VAE\n", "with --vae"), ("tiny-a", ": a tiny VAE (TAESD)\n", "--taesd"),
            ("tiny-original", ": a tiny VAE (TAESD)\n", "--taesd"),
            ("tiny-original/taesd_decoder.safetensors", ": a tiny VAE (TAESD)\n", "--taesd"),
            ("tiny-original/taesd_encoder.safetensors", ": a tiny VAE (TAESD)\n", "--taesd"),
        ])
    func inspectKnowsAutoencoders(_ name: String, _ kind: String, _ flag: String) async throws {
        let outcome = try await runner.run(["inspect", Fixtures.path(name)])
        #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
        #expect(outcome.output.contains(kind) && outcome.output.contains(flag), "\(outcome.output)")
    }

    @Test func inspectRefusesGarbage() async throws {
        let garbage = try runner.folder.write(Array("this is no weight file".utf8), to: "garbage.safetensors")
        expectFailure(try await runner.run(["inspect", garbage]), status: 1, "garbage.safetensors")
        // What can be told goes to standard output, and the reason for the failure to standard error too.
        for flags in [[], ["--json"]] {
            let broken = try await runner.run(["inspect", "."] + flags)
            #expect(broken.status == 1 && broken.output.contains("unet/ is missing"))
            #expect(broken.error == "limn: . cannot be loaded: text_encoder/ is missing (and 4 more problems)\n")
        }
        expectFailure(try await runner.run(["inspect", "nowhere"]), status: 1, "nowhere")
        let folder = try await runner.run(["inspect", "."])
        #expect(folder.status == 1)
        #expect(folder.output.contains("not a model's") && folder.output.contains("unet/ is missing"))
    }
}
