import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn
@testable import Models
@testable import Tensors

/// What the families around Stable Diffusion have of their own, beside the runs of AgainstDiffusersTests.
@Suite(.serialized) struct FamilyTests {
    private func request(_ change: (inout Request) throws -> Void = { _ in }) rethrows -> Request {
        var request = Request(prompt: "a photo of a cat")
        (request.steps, request.seed, request.guidanceScale, request.sampler) = (2, 3, 4, "euler")
        try change(&request)
        return request
    }

    /// A copy of a fixture model in which one text of a file is another.
    private func edited(_ model: String, _ file: String, _ old: String, _ new: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        // Links of a fixture's may lead anywhere from the copy.
        func copy(_ original: String, to copied: String) throws {
            let original = URL(fileURLWithPath: original).resolvingSymlinksInPath().path
            guard let parts = try? FileManager.default.contentsOfDirectory(atPath: original) else {
                return try FileManager.default.copyItem(atPath: original, toPath: copied)
            }
            try FileManager.default.createDirectory(atPath: copied, withIntermediateDirectories: true)
            for part in parts { try copy(original + "/" + part, to: copied + "/" + part) }
        }
        try copy(Fixtures.path(model), to: folder.path)
        let text = try String(contentsOfFile: folder.file(file), encoding: .utf8)
        #expect(text.contains(old))
        try folder.write(text.replacing(old, with: new).utf8, to: file)
        return folder
    }

    @Test func conditionsChangeThePictureAndAreWrittenIntoIt() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load("pipeline-xl")
        let plain = try await model.generate(request())[0]
        let changes: [(inout Request) -> Void] = [
            { $0.originalSize = PixelSize(width: 128, height: 96) }, { $0.crop = PictureCrop(top: 5, left: 11) },
            { $0.targetSize = PixelSize(width: 72, height: 64) },
        ]
        for (index, change) in changes.enumerated() {
            let picture = try await model.generate(request(change))[0]
            #expect(relativeError(picture.latents?.values ?? [], plain.latents?.values ?? []) > 1e-4, "\(index)")
            try picture.write(to: folder.file("\(index).png"))
            let again = try await model.generate(try Recipe(contentsOf: folder.file("\(index).png")).request())[0]
            #expect(try again.pngData() == picture.pngData())
        }
    }

    /// A model like Playground 2.5: preconditioned as Karras et al. 2022 have it, its latents shifted channel by channel.
    @Test func preconditionedModelsEndInTheLatentsOfDiffusers() async throws {
        let reference = try ReferenceRuns("edm-xl")
        let folder = try edited(
            "pipeline-xl", "vae/config.json", "\"latents_mean\": null,\n  \"latents_std\": null",
            "\"latents_mean\": [-1.5, 0.25, 0.5, 2.0], \"latents_std\": [8.0, 5.5, 4.0, 5.0]")
        let model = try await Model.load(
            from: folder.path, options: LoadOptions(threads: 2, precision: .float32))
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let picture = try await model.generate(try reference.request(index))[0]
            let error = relativeError(
                try #require(picture.latents).values, try reference.latents.float32("\(run.name).latents"))
            print("edm-xl \(run.name): \(error)")
            #expect(error < 1e-4, "\(run.name)")
            guard let name = run.picture else { continue }
            let expected = try Picture(contentsOf: reference.folder + "/" + name)
            #expect(try #require(largestDifference(picture, expected)) <= 1, "\(run.name)")
        }
    }

    @Test func statisticsOfLatentsAreChecked() async throws {
        for (mean, std, message) in [
            ("[1, 2]", "[1, 1, 1, 1]", "a list of 4 numbers"), ("[1, 2, 3, 4]", "[1, 1, 0, 1]", "above 0"),
            ("[1, 2, 3, \"x\"]", "[1, 1, 1, 1]", "a number"),
        ] {
            let folder = try edited(
                "pipeline-xl", "vae/config.json", "\"latents_mean\": null,\n  \"latents_std\": null",
                "\"latents_mean\": \(mean), \"latents_std\": \(std)")
            let error = await #expect(throws: (any Error).self) { try await Model.load(from: folder.path) }
            #expect("\(error.map { "\($0)" } ?? "")".contains(message), "\(message)")
        }
    }

    @Test func aChangedPictureIsDrawnAgainGivenTheFirst() async throws {
        let folder = try TemporaryFolder()
        let model = try await TinyModel.load("pipeline-edit")
        let first = try TinyModel.picture { x, y in UInt8((3 * x + y) % 256) }
        let picture = try await model.generate(
            request { ($0.initImage, $0.imageGuidanceScale, $0.sampler) = (first, 1.25, "euler_a") })[0]
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.parameters?.contains("Image CFG scale: 1.25") == true)
        #expect(throws: LimnError.self) { try recipe.request() }
        let again = try await model.generate(try recipe.request(initImage: first))[0]
        #expect(try again.pngData() == picture.pngData())
    }

    /// Against diffusers' two pipelines, the second with `denoising_start` where the first has `denoising_end`.
    @Test func aRefinerGoesOnWhereTheBaseModelStops() async throws {
        let folder = try TemporaryFolder()
        let reference = try ReferenceRuns("refined-xl")
        var options = LoadOptions(threads: 2, precision: .float32)
        options.refiner = Fixtures.path("pipeline-xl-refiner")
        let model = try await Model.load(from: Fixtures.path("pipeline-xl"), options: options)
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let picture = try await model.generate(try reference.request(index))[0]
            let expected = try reference.latents.float32("\(run.name).latents")
            let error = relativeError(picture.latents?.values ?? [], expected)
            print("refined-xl", run.name, error)
            #expect(error < AgainstDiffusersTests.tolerance, "\(run.name)")
            try picture.write(to: folder.file("\(index).png"))
            let recipe = try Recipe(contentsOf: folder.file("\(index).png"))
            #expect(recipe.refinerFingerprint == model.refinerFingerprint)
            #expect(try await model.generate(try recipe.request())[0].pngData() == picture.pngData())
        }
        #expect(reference.runs.count == 3)
        options.refiner = Fixtures.path("pipeline-a")
        let text = await message { [options] in
            _ = try await Model.load(from: Fixtures.path("pipeline-xl"), options: options)
        }
        #expect(text?.contains("no refiner") == true, "\(text ?? "no error")")
        let alone = try await TinyModel.load("pipeline-xl")
        let asked = request { $0.refinerStart = 0.5 }
        #expect(await message { _ = try await alone.generate(asked) }?.contains("--refiner") == true)
    }

    /// What a family has no use for is refused, not ignored.
    @Test func requestsThatAFamilyCannotMeetAreRefused() async throws {
        let cases: [(String, String, (inout Request) -> Void)] = [
            ("pipeline-a", "no original size", { $0.originalSize = PixelSize(width: 64, height: 64) }),
            ("pipeline-a", "crop", { $0.crop = PictureCrop(top: 0, left: 0) }),
            ("pipeline-a", "image guidance", { $0.imageGuidanceScale = 1.5 }),
            ("pipeline-xl", "aesthetic score", { $0.aestheticScore = 6 }),
            ("pipeline-xl", "pixels", { $0.targetSize = PixelSize(width: 0, height: .max) }),
            ("pipeline-xl", "crop", { $0.crop = PictureCrop(top: .min, left: 0) }),
            ("pipeline-xl", "1 to 3", { $0.clipSkip = 4 }),
            ("pipeline-edit", "-i", { _ in }),
            ("pipeline-lcm", "between 1 and 50", { ($0.steps, $0.sampler) = (51, nil) }),
        ]
        for (fixture, word, change) in cases {
            let model = try await TinyModel.load(fixture)
            let asked = request(change)
            let text = await message { _ = try await model.generate(asked) }
            #expect(text?.contains(word) == true, "\(fixture): \(text ?? "no error")")
        }
    }

    /// Models that draw in few steps are known by their schedulers, and get what their makers recommend.
    @Test func distilledModelsHaveStepsAndGuidanceOfTheirOwn() async throws {
        let file = "scheduler/scheduler_config.json"
        let folder = try edited("pipeline-a", file, "beta_start", "beta_start")
        func load(_ spacing: String) async throws -> Model {
            let config = """
                {"_class_name": "EulerAncestralDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
                 "beta_schedule": "scaled_linear", "steps_offset": 1, "timestep_spacing": "\(spacing)"}
                """
            try folder.write(config.utf8, to: file)
            return try await Model.load(from: folder.path, options: LoadOptions(threads: 1, precision: .float32))
        }
        let (leading, turbo) = (try await load("leading"), try await load("trailing"))
        let picture = try TinyModel.picture { _, _ in 9 }
        let lcm = try await TinyModel.load("pipeline-lcm")
        let usual = try await TinyModel.load("pipeline-a")
        for (model, text, changed, guidance) in [
            (lcm, 4, 4, Float(8.5)), (turbo, 1, 4, 1), (leading, 25, 25, 7), (usual, 25, 25, 7),
        ] {
            var asked = Request(prompt: "a photo of a cat")
            #expect(model.usualSteps(for: asked) == text)
            asked.initImage = picture
            #expect(model.usualSteps(for: asked) == changed)
            (asked.steps, asked.seed) = (changed == 25 ? 2 : changed, 1)
            let drawn = try await model.generate(asked)[0]
            #expect(drawn.request?.guidanceScale == guidance)
        }
    }

    @Test func aModelThatChangesPicturesKnowsNoStrengthAndNoMask() async throws {
        let model = try await TinyModel.load("pipeline-edit")
        let picture = try TinyModel.picture { _, _ in 9 }
        let strong = request { ($0.initImage, $0.strength) = (picture, 0.5) }
        #expect(await message { _ = try await model.generate(strong) }?.contains("strength") == true)
        let masked = request { ($0.initImage, $0.mask) = (picture, picture) }
        #expect(await message { _ = try await model.generate(masked) }?.contains("mask") == true)
    }

    @Test(
        arguments: [
            ("pipeline-sd2-inpaint", "unet/config.json", "\"in_channels\": 9", "\"in_channels\": 5", "depth models"),
            (
                "pipeline-sd2-inpaint", "unet/config.json", "\"in_channels\": 9", "\"in_channels\": 7",
                "upscaling models"
            ),
            (
                "pipeline-sd2", "model_index.json", "StableDiffusionPipeline", "StableDiffusionDepth2ImgPipeline",
                "StableDiffusionDepth2ImgPipeline"
            ),
            ("pipeline-xl", "text_encoder_2/config.json", "CLIPTextModelWithProjection", "CLIPTextModel", "pooled"),
            (
                "pipeline-xl", "unet/config.json", "\"addition_time_embed_dim\": 8", "\"addition_time_embed_dim\": 7",
                "add_embedding"
            ),
            ("pipeline-xl", "unet/config.json", "\"text_time\"", "\"text_image\"", "text_image"),
            (
                "pipeline-ssd", "unet/config.json", "\"reverse_transformer_layers_per_block\"", "\"other\"",
                "reverse_transformer_layers_per_block is missing"
            ),
        ])
    func whatIsNotSupportedIsNamed(
        _ fixture: String, _ file: String, _ old: String, _ new: String, _ word: String
    ) async throws {
        let folder = try edited(fixture, file, old, new)
        let text = await message { _ = try await Model.load(from: folder.path) }
        #expect(text?.contains(word) == true, "\(text ?? "no error")")
    }

    /// SDXL's VAE asks for single precision (`force_upcast`): its products stay float32 whatever the others are.
    @Test func theVAEOfXLMultipliesFloat32() async throws {
        let kernels = try Kernels.chosen()
        guard kernels.multiplies(.bfloat16) else { return }
        let half = try await Model.load(
            from: Fixtures.path("pipeline-xl"), options: LoadOptions(threads: 2, precision: .bfloat16))
        let full = try await Model.load(
            from: Fixtures.path("pipeline-xl"), options: LoadOptions(threads: 2, precision: .float32))
        let values = (0..<256).map { sinf(Float($0)) }
        let exact = try await full.decodedValues(values)
        #expect(try await half.decodedValues(values) == exact)
        // Of Stable Diffusion's own pipelines, none asks.
        let other = try await Model.load(
            from: Fixtures.path("pipeline-a"), options: LoadOptions(threads: 2, precision: .bfloat16))
        #expect(try await other.decodedValues(values) != exact)
        // The UNet's products are not those of float32.
        let (a, b) = (try await half.generate(request())[0], try await full.generate(request())[0])
        #expect(a.latents != b.latents)
    }
}

extension Model {
    /// The decoder's output for latents of 8×8.
    fileprivate func decodedValues(_ values: [Float]) throws -> [Float] {
        let latents = try Tensor(batch: 1, height: 8, width: 8, channels: 4, values: values)
        return try networks.vae.decode(latents, vaeCompute).values
    }
}
