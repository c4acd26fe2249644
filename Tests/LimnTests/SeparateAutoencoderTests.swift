import Foundation
import Limn
import TestSupport
import Testing

/// VAEs in the place of a model's own, tiny ones, and previews.
@Suite(.serialized) struct SeparateAutoencoderTests {
    private func load(
        _ name: String = "pipeline-a", vae: String? = nil, taesd: String? = nil, previewsOnly: Bool = false
    ) async throws -> Model {
        var options = LoadOptions(threads: 2, precision: .float32)
        (options.vae, options.taesd) = (vae.map(Fixtures.path), taesd.map(Fixtures.path))
        options.taesdForPreviewsOnly = previewsOnly
        return try await Model.load(from: name.hasPrefix("/") ? name : Fixtures.path(name), options: options)
    }

    /// pipeline-a with another `vae/`.
    private func folder(vae: String, class name: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for part in ["tokenizer", "text_encoder", "unet", "scheduler"] {
            try FileManager.default.copyItem(
                atPath: Fixtures.path("pipeline-a") + "/" + part, toPath: folder.file(part))
        }
        try FileManager.default.copyItem(atPath: Fixtures.path(vae), toPath: folder.file("vae"))
        let index = try String(contentsOfFile: Fixtures.path("pipeline-a") + "/model_index.json", encoding: .utf8)
        try folder.write(index.replacing("AutoencoderKL", with: name).utf8, to: "model_index.json")
        return folder
    }

    /// Whole runs of pipeline-a with a tiny autoencoder as its VAE, in the folder and with `--vae`.
    @Test(arguments: [true, false])
    func tinyAutoencodersDrawAsInDiffusers(isInFolder: Bool) async throws {
        let reference = try ReferenceRuns("tiny-runs")
        let folder = try folder(vae: "tiny-b", class: "AutoencoderTiny")
        let model = isInFolder ? try await load(folder.path) : try await load(vae: "tiny-b")
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let picture = try #require(try await model.generate(try reference.request(index)).first)
            let expected = try reference.latents.float32("\(run.name).latents")
            let error = relativeError(picture.latents?.values ?? [], expected)
            print("tiny-runs", run.name, error)
            #expect(error < AgainstDiffusersTests.tolerance, "\(run.name)")
            guard let file = run.picture else { continue }
            let drawn = try Picture(contentsOf: reference.folder + "/" + file)
            #expect(try #require(largestDifference(picture, drawn)) <= 1, "\(run.name)")
        }
        #expect(reference.runs.count == 4)
    }

    @Test func aVAEInTheModelsPlace() async throws {
        var request = TinyModel.request()
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        let folder = try folder(vae: "vae-d", class: "AutoencoderKL")
        let expected = try await load(folder.path).generate(request)[0]
        let own = try await load().generate(request)[0]
        #expect(own != expected && own.latents != expected.latents)
        for vae in [
            Fixtures.path("vae-d"), Fixtures.path("vae-d/diffusion_pytorch_model.safetensors"), folder.file("vae"),
        ] {
            var options = LoadOptions(threads: 2, precision: .float32)
            options.vae = vae
            let model = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
            let picture = try await model.generate(request)[0]
            #expect(picture == expected && picture.latents == expected.latents, "\(vae)")
        }
        // A whole model's folder is taken for its vae/; pipeline-a's own index is there, too.
        try FileManager.default.removeItem(atPath: folder.file("unet"))
        var options = LoadOptions(threads: 2, precision: .float32)
        options.vae = folder.path
        let model = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
        #expect(try await model.generate(request)[0] == expected)
    }

    /// A file that does not say takes the scaling factor of the model's own VAE.
    @Test func aFileScalesAsTheModelDoes() async throws {
        let request = TinyModel.request()
        let folder = try TemporaryFolder()
        let config = try String(contentsOfFile: Fixtures.path("vae-d/config.json"), encoding: .utf8)
        #expect(config.contains("\"scaling_factor\": 0.5"))
        try folder.write(config.replacing("factor\": 0.5", with: "factor\": 1.9313").utf8, to: "config.json")
        let weights = Fixtures.path("vae-d/diffusion_pytorch_model.safetensors")
        for name in ["diffusion_pytorch_model.safetensors", "alone.safetensors"] {
            try FileManager.default.copyItem(atPath: weights, toPath: folder.file(name))
        }
        var pictures: [Picture] = []
        for vae in [folder.path, folder.file("alone.safetensors"), Fixtures.path("vae-d/bare.safetensors")] {
            var options = LoadOptions(threads: 2, precision: .float32)
            options.vae = vae
            let model = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
            pictures.append(try await model.generate(request)[0])
        }
        #expect(pictures[1] == pictures[0] && pictures[2] == pictures[0])
    }

    @Test func theRecipeTellsOfTheVAE() async throws {
        let folder = try TemporaryFolder()
        let model = try await load(vae: "vae-d", taesd: "tiny-b")
        let plain = try await load()
        let picture = try await model.generate(TinyModel.request())[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.vaeName == "vae-d" && recipe.taesdName == "tiny-b" && recipe.modelName == "pipeline-a")
        #expect(recipe.modelFingerprint == model.fingerprint && model.fingerprint != plain.fingerprint)
        let again = try await load(vae: "vae-d", taesd: "tiny-b").generate(try recipe.request())[0]
        #expect(try again.pngData() == picture.pngData())
        // What makes previews has no part in the picture.
        let previewer = try await load(taesd: "tiny-b", previewsOnly: true)
        #expect(previewer.fingerprint == plain.fingerprint)
        let (one, other) = (
            try await previewer.generate(TinyModel.request())[0], try await plain.generate(TinyModel.request())[0]
        )
        #expect(try one.pngData() == other.pngData())
    }

    /// TAESD decodes; the model's own VAE looks at pictures.
    @Test func taesdDecodesAlone() async throws {
        var request = TinyModel.request()
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        let (own, vae) = (try await load(), try await load(vae: "tiny-b"))
        let expected = try await own.generate(request)[0]
        for taesd in [
            "tiny-b", "tiny-original", "tiny-original/taesd_decoder.safetensors",
            "tiny-original/taesd_combined.safetensors", "tiny-b/diffusion_pytorch_model.safetensors",
        ] {
            let picture = try await load(taesd: taesd).generate(request)[0]
            #expect(picture.latents == expected.latents && picture != expected, "\(taesd)")
        }
        request.initImage = nil
        #expect(try await load(taesd: "tiny-b").generate(request)[0] == vae.generate(request)[0])
    }

    @Test func whatDoesNotFitIsRefused() async throws {
        func problem(vae: String? = nil, taesd: String? = nil) async -> String {
            await message { _ = try await load(vae: vae, taesd: taesd) } ?? "no error"
        }
        #expect(await problem(vae: "nothing-there").contains("no such VAE"))
        #expect(await problem(vae: "vae-b").contains("3 channels"))
        #expect(await problem(vae: "vae-c").contains("4 times smaller"))
        #expect(await problem(taesd: "tiny-a").contains("3 channels"))
        #expect(await problem(taesd: "vae-d").contains("--vae"))
        #expect(await problem(vae: "images").contains("no VAE in it"))
        #expect(await problem(vae: "unet-a").contains("UNet2DConditionModel"))
        #expect(await problem(vae: "unet-a/diffusion_pytorch_model.safetensors").contains("UNet2DConditionModel"))
        #expect(await problem(vae: "text-a/model.safetensors").contains("no autoencoder"))
        #expect(await problem(vae: "tiny-original/taesd_encoder.safetensors").contains("decoder"))
        #expect(await problem(vae: "images/grey1.png") != "no error")
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: Fixtures.path("tiny-original/taesd_decoder.safetensors"),
            toPath: folder.file("decoder.safetensors"))
        let text = await message {
            var options = LoadOptions(threads: 2, precision: .float32)
            options.vae = folder.file("decoder.safetensors")
            _ = try await Model.load(from: Fixtures.path("pipeline-a"), options: options)
        }
        #expect(text?.contains("encoder") == true)
    }

    @Test func previewsComeOnTheWay() async throws {
        let model = try await load(taesd: "tiny-b", previewsOnly: true)
        var request = TinyModel.request(steps: 7)
        request.sampler = "heun"
        let expected = try await load().generate(request)[0]
        var steps: [Int] = []
        var previews: [Picture] = []
        for try await event in model.events(for: request, previewEvery: 2) {
            switch event {
            case .progress(let progress):
                guard let preview = progress.preview, case .denoising(let step, _) = progress.stage else { continue }
                steps.append(step)
                previews.append(preview)
            case .picture(let picture): #expect(try picture.pngData() == expected.pngData())
            case .warning: break
            }
        }
        #expect(steps == [2, 4, 6])
        #expect(previews.allSatisfy { $0.width == 64 && $0.height == 64 } && previews[0] != previews[1])
        // The last of them is nearly what the tiny autoencoder makes of the end.
        let end = try await load(taesd: "tiny-b").generate(request)[0]
        let far = try #require(meanDifference(previews[0], end))
        let near = try #require(meanDifference(previews[2], end))
        #expect(near < far)
        for try await event in model.events(for: request) {
            if case .progress(let progress) = event { #expect(progress.preview == nil) }
        }
    }

    private func meanDifference(_ one: Picture, _ other: Picture) -> Double? {
        guard one.pixels.count == other.pixels.count, !one.pixels.isEmpty else { return nil }
        return zip(one.pixels, other.pixels).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
            / Double(one.pixels.count)
    }
}
