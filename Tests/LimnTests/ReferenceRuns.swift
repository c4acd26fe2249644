import Checkpoints
import Foundation
import Limn
import Platform
import Sampling
import TestSupport

/// A run that diffusers made, from the `runs.json` of a fixture folder.
struct ReferenceRun: Decodable, CustomStringConvertible {
    var name: String
    var mode: String
    var prompt: String
    var negativePrompt: String
    var width: Int
    var height: Int
    var steps: Int
    var guidanceScale: Float
    var guidanceRescale: Float
    var eta: Float
    var guidanceEnd: Double?
    var cacheInterval: Int?
    /// As a record has it.
    var guidance: JSON?
    var morph: Morph?
    var imageGuidanceScale: Float?
    /// Height, width.
    var originalSize: [Int]?
    /// Top, left.
    var crop: [Int]?
    /// Height, width.
    var targetSize: [Int]?
    var refinerStart: Double?
    var aestheticScore: Float?
    var negativeAestheticScore: Float?
    var clipSkip: Int
    var strength: Double?
    var seed: UInt64
    var image: String?
    var mask: String?
    var picture: String?

    enum CodingKeys: String, CodingKey {
        case name, mode, prompt, width, height, steps, eta, strength, seed, image, mask, picture, guidance, morph
        case negativePrompt = "negative_prompt"
        case guidanceScale = "guidance_scale"
        case guidanceRescale = "guidance_rescale"
        case guidanceEnd = "guidance_end"
        case cacheInterval = "cache_interval"
        case clipSkip = "clip_skip"
        case imageGuidanceScale = "image_guidance_scale"
        case originalSize = "original_size"
        case crop = "crops_coords_top_left"
        case targetSize = "target_size"
        case refinerStart = "refiner_start"
        case aestheticScore = "aesthetic_score"
        case negativeAestheticScore = "negative_aesthetic_score"
    }

    var description: String { name }

    func request(in folder: String) throws -> Request {
        var request = Request(prompt: prompt)
        request.negativePrompt = negativePrompt
        (request.width, request.height, request.steps) = (width, height, steps)
        if let guidance {
            request.guidance = try JSON.object([("guidance", guidance)]).decode(Request.self).guidance
        }
        (request.guidanceScale, request.guidance.rescale) = (guidanceScale, guidanceRescale)
        (request.guidance.end, request.sampling.cacheInterval) = (guidanceEnd ?? 1, cacheInterval ?? 1)
        (request.text.clipSkip, request.seed) = (clipSkip, seed)
        request.source.picture = try image.map { try Picture(contentsOf: folder + "/" + $0) }
        request.source.mask = try mask.map { try Picture(contentsOf: folder + "/" + $0) }
        request.source.strength = image == nil ? nil : strength
        request.text.morph = morph
        request.guidance.imageScale = imageGuidanceScale
        request.conditions.originalSize = originalSize.map { PixelSize(width: $0[1], height: $0[0]) }
        request.conditions.crop = crop.map { PictureCrop(top: $0[0], left: $0[1]) }
        request.conditions.targetSize = targetSize.map { PixelSize(width: $0[1], height: $0[0]) }
        request.conditions.refinerStart = refinerStart
        (request.conditions.aestheticScore, request.conditions.negativeAestheticScore) = (
            aestheticScore, negativeAestheticScore
        )
        return request
    }
}

/// The runs of a fixture folder, with the scheduler configuration that each of them used.
struct ReferenceRuns {
    let folder: String
    let runs: [ReferenceRun]
    let latents: SafetensorsFile
    private let schedulers: [SchedulerConfig]

    init(_ name: String) throws {
        folder = Fixtures.path(name)
        // diffusers writes -Infinity for "not set", which is not JSON.
        let text = try String(contentsOf: URL(fileURLWithPath: folder + "/runs.json"), encoding: .utf8)
        let data = Data(text.replacing("-Infinity", with: "null").utf8)
        runs = try JSONDecoder().decode([ReferenceRun].self, from: data)
        schedulers = try JSONDecoder().decode([Scheduled].self, from: data).map(\.schedulerConfig)
        latents = try SafetensorsFile(path: folder + "/runs.safetensors")
    }

    func scheduler(_ index: Int) -> SchedulerConfig { schedulers[index] }

    /// The request, with η only for the samplers that use it: diffusers hands it to those alone.
    func request(_ index: Int) throws -> Request {
        var request = try runs[index].request(in: folder)
        if schedulers[index].className == "DDIMScheduler" { request.sampling.eta = runs[index].eta }
        return request
    }

    private struct Scheduled: Decodable {
        var schedulerConfig: SchedulerConfig
        enum CodingKeys: String, CodingKey { case schedulerConfig = "scheduler_config" }
    }
}

/// Largest difference of two pictures, in 255ths; nil if they differ in size.
func largestDifference(_ a: Picture, _ b: Picture) -> Int? {
    guard (a.width, a.height, a.channels) == (b.width, b.height, b.channels) else { return nil }
    return zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }.max()
}
