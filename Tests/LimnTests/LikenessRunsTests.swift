import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// Whole runs against those of other programs' own code, with the same weights, prompt and seed
/// (`Tools/reference/likeness.py`).
@Suite(.serialized) struct LikenessRunsTests {
    struct Run: Decodable {
        var name: String
        var like: Likeness
        var sampler: String
        var schedule: String?
        var prompt: String
        var negativePrompt: String
        var steps: Int
        var guidanceScale: Float
        var rng: String
        var seed: UInt64
        var strength: Double?
        var mask: String?
        var eta: Float?
        var solverType: String?
        var webUI: WebUIOptions?
        var place: BatchPlace?

        func request() throws -> Request {
            var request = Request(prompt: prompt)
            (request.negativePrompt, request.likeness) = (negativePrompt, like)
            (request.sampler, request.schedule, request.generator) = (sampler, schedule, rng)
            (request.steps, request.guidanceScale, request.seed) = (steps, guidanceScale, seed)
            (request.eta, request.solver.type, request.strength) = (eta, solverType, strength)
            (request.webUI, request.place) = (webUI ?? WebUIOptions(), place)
            (request.width, request.height) = (64, 64)
            let folder = Fixtures.path("pipeline-a")
            if strength != nil { request.initImage = try Picture(contentsOf: folder + "/init.png") }
            request.mask = try mask.map { try Picture(contentsOf: folder + "/" + $0) }
            // The reference leaves it out, for it is OpenCV's.
            request.maskBlur = 0
            return request
        }
    }

    static let runs: [Run] = {
        let data = try? Data(contentsOf: URL(fileURLWithPath: Fixtures.path("likeness") + "/runs.json"))
        return data.flatMap { try? JSONDecoder().decode([Run].self, from: $0) } ?? []
    }()

    /// Where programs' own float32 is the limit: DPM++ SDE computes the σ of its middle steps from rounded
    /// logarithms, in whose sixth digit the Brownian path is cut. DPM adaptive makes a step as long as the error of the
    /// last one allows: a guidance scale that is larger by 2e-7 of itself moves its latents by 3e-4.
    private static let tolerances = [
        "webui-dpm++sde": 1e-3, "webui-dpm++sde-picture": 1e-3, "webui-dpm_adaptive": 2e-3,
        "comfyui-dpm++sde": 1e-3,
        "comfyui-dpm++sde-picture": 1e-3, "comfyui-batch-sde": 1e-3,
    ]

    @Test(arguments: [(Likeness.webui, 63), (.comfyui, 53), (.sdcpp, 22)])
    func everyRunEndsInTheLatentsOfTheProgram(_ likeness: Likeness, _ count: Int) async throws {
        let reference = try SafetensorsFile(path: Fixtures.path("likeness") + "/runs.safetensors")
        let model = try await Model.load(
            from: Fixtures.path("pipeline-a"), options: LoadOptions(threads: 2, precision: .float32))
        let runs = Self.runs.filter { $0.like == likeness }
        #expect(runs.count == count)
        var errors: [(error: Double, name: String)] = []
        for run in runs {
            let picture = try #require(try await model.generate(try run.request()).first, "\(run.name)")
            let error = relativeError(picture.latents?.values ?? [], try reference.float32(run.name))
            #expect(error < Self.tolerances[run.name] ?? 5e-5, "\(run.name)")
            if Self.tolerances[run.name] == nil { errors.append((error, run.name)) }
        }
        let worst = errors.sorted { $0.error > $1.error }.prefix(3).map { "\($0.name) \($0.error)" }
        print("like \(likeness.rawValue): \(runs.count) runs, worst \(worst.joined(separator: ", "))")
    }

    /// The webui's η of DPM adaptive is 1, and then no run can be compared: a guidance scale that is 4 millionths larger
    /// moves the webui's own by 1 to 7 %, for it takes other steps with other noise. The run above is without noise; here
    /// it is only said that there is noise by itself, of the seed.
    @Test func theWebUIsAdaptiveSamplerAddsNoise() async throws {
        let model = try await TinyModel.load()
        let run = try #require(Self.runs.first { $0.name == "webui-dpm_adaptive" })
        var request = try run.request()
        #expect(request.eta == 0)
        let without = try await model.generate(request)[0].latents
        request.eta = nil
        let usual = try await model.generate(request)[0].latents
        request.eta = 1
        #expect(try await model.generate(request)[0].latents == usual && usual != without)
    }

    /// What the profile decides is decided without being asked for: the run above by its names alone.
    @Test func theProfileDecidesWhatIsNotAskedFor() async throws {
        let model = try await TinyModel.load()
        for (likeness, sampler, schedule, generator, scale) in [
            (Likeness.webui, "dpm++2m", "karras", "cuda", Float(7)), (.comfyui, "euler", "normal", "cuda", 8),
            (.sdcpp, "euler_a", "normal", "cuda", 7), (.diffusers, "pndm", nil, "torch", 7),
        ] {
            var request = Request(prompt: "a red apple")
            (request.likeness, request.steps, request.seed) = (likeness, 3, 5)
            let drawn = try #require(try await model.generate(request)[0].request)
            #expect(drawn.sampler == sampler && drawn.schedule == schedule, "\(likeness)")
            #expect(drawn.generator == generator && drawn.guidanceScale == scale, "\(likeness)")
            #expect(drawn.promptStyle?.rawValue == (likeness == .diffusers ? "plain" : likeness.rawValue))
            // Asked for in so many words, it is the same.
            let again = try await model.generate(drawn)[0]
            let first = try await model.generate(request)[0]
            #expect(again.latents == first.latents && again == first)
        }
    }
}
