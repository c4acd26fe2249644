import Foundation
import Images
import Platform
import TestSupport
import Testing

@testable import Limn

/// The table of a request's fields, and records made of it.
@Suite struct RequestFieldTests {
    /// A value of each field that is not its default, as a record has it.
    private static let values: [String: String] = [
        "prompt": #""a red fox""#, "negativePrompt": #""blurry""#, "promptStyle": #""comfyui""#,
        "emphasis": #""no-norm""#, "clipSkip": "2", "morph": #"{"prompt": "a dog", "amount": 0.25}"#,
        "promptTemplate": #""a {red|blue} fox""#, "negativePromptTemplate": #""{blurry|ugly}""#,
        "width": "128", "height": "64", "count": "3", "strength": "0.4", "maskBlur": "2.5", "vaeTiling": "true",
        "seed": "18446744073709551615", "generator": #""numpy""#, "variation": #"{"seed": 9, "strength": 0.5}"#,
        "seedSize": #"{"width": 64, "height": 128}"#, "place": #"{"index": 1, "count": 4}"#,
        "steps": "7", "sampler": #""dpm++2m""#, "schedule": #""karras""#, "eta": "0.3", "prediction": #""v""#,
        "cacheInterval": "3", "tuning.sigmas": "[14.6, 3, 0.1]", "tuning.noiseSchedule": #""linear""#,
        "tuning.zeroSNR": "true", "tuning.noiseFactor": "0.9", "tuning.brownianNoise": "true", "tuning.churn": "3",
        "tuning.churnLowest": "0.1", "tuning.churnHighest": "50", "tuning.relativeTolerance": "0.1",
        "tuning.absoluteTolerance": "0.01", "solver.order": "3", "solver.type": #""bh2""#, "solver.gamma": "0.5",
        "solver.tau": "0.7", "solver.snr": "0.2", "solver.correctorSteps": "4",
        "guidanceScale": "3.3", "imageGuidanceScale": "1.2", "guidanceRescale": "0.7", "guidance.start": "0.1",
        "guidanceEnd": "0.9", "guidance.sigmas": #"{"low": 0.28, "high": 5.42}"#,
        "guidance.curve": #"{"shape": "linear", "values": [2]}"#,
        "guidance.perturbedAttention": #"{"scale": 3, "adaptiveScale": 0.01, "layers": ["mid", "down_blocks.1"]}"#,
        "guidance.selfAttentionScale": "0.75",
        "guidance.adaptiveProjection": #"{"eta": 0.1, "threshold": 5, "momentum": -0.25}"#,
        "guidance.dynamicThresholding": #"""
        {"scale": 6, "percentile": 0.98, "mode": "half-cosine-down", "minimum": 2, "guidanceMode": "linear-up",
         "guidanceMinimum": 1, "power": 3, "startpoint": "zero", "variability": "std", "separateChannels": false,
         "phi": 0.5}
        """#,
        "guidance.threshold": #"{"ratio": 0.99, "range": 4, "maximum": 100}"#,
        "originalSize": #"{"width": 512, "height": 256}"#, "crop": #"{"top": 3, "left": 4}"#,
        "targetSize": #"{"width": 100, "height": 200}"#, "refinerStart": "0.7", "aestheticScore": "7",
        "negativeAestheticScore": "2", "likeness": #""webui""#, "webUI.noiseSeedDelta": "31337",
        "webUI.usesSGMNoise": "true", "webUI.leavesOutPenultimate": "true", "webUI.noiseMultiplier": "0.9",
        "webUI.maskedContent": #""latent noise""#,
    ]

    /// A request in which only this field differs from the default.
    private static func request(_ field: RequestField) throws -> Request {
        var request = Request(prompt: "")
        let text = try #require(values[field.name], "\(field.name)")
        try field.read(try #require(JSON.parse(text)), &request)
        return request
    }

    @Test func everyStoredPropertyIsAField() throws {
        // What a request holds, down to what has no groups in it: digests stand for pictures and noise in records.
        let notInRecords: Set<String> = ["source.picture", "source.mask", "source.latents"]
        func leaves(_ value: Any, _ path: String, depth: Int) -> [String] {
            let children = Array(Mirror(reflecting: value).children)
            let isGroup =
                depth == 0 || value is Request.Text || value is Request.Source || value is Request.Sampling
                || value is Request.Seeds || value is Request.Conditions || value is GuidanceOptions
                || value is SamplerTuning || value is Request.Solver || value is WebUIOptions
            guard isGroup else { return [path] }
            return children.flatMap {
                leaves($0.value, path.isEmpty ? $0.label! : "\(path).\($0.label!)", depth: depth + 1)
            }
        }
        let found = leaves(Request(prompt: ""), "", depth: 0).filter { !notInRecords.contains($0) }
        let count = found.count
        #expect(count == RequestField.all.count, "\(found)")
        #expect(Set(RequestField.all.map(\.name)).count == count)
        // Each of them changes something that no other changes.
        var requests: [Request] = [Request(prompt: "")]
        for field in RequestField.all {
            let request = try Self.request(field)
            #expect(!requests.contains(request), "\(field.name)")
            requests.append(request)
        }
    }

    @Test func everyFieldComesBackFromAPicture() throws {
        let folder = try TemporaryFolder()
        let image = try Image(width: 1, height: 1, channels: 3, pixels: [1, 2, 3])
        for field in RequestField.all {
            var request = try Self.request(field)
            request.vaeTiling = request.vaeTiling ?? false
            let record = PictureRecord(request, version: limnVersion)
            let text = String(decoding: try JSONEncoder().encode(record), as: UTF8.self)
            let path = folder.file("\(field.name).png")
            try PNG.write(image, text: [(PictureParameters.exactKeyword, text)], to: path)
            let recipe = try Recipe(contentsOf: path)
            #expect(recipe.isExact && recipe.notes.isEmpty)
            #expect(try recipe.request() == request, "\(field.name)")
        }
    }

    /// What people and other programs read; not all of it can be read back.
    @Test func theWebUIsTextHasEveryFieldThatMatters() throws {
        // Said elsewhere in it, or of no use to another program.
        let silent: Set<String> = [
            "prompt", "negativePrompt", "height", "count", "maskBlur", "originalSize", "crop", "targetSize",
            "refinerStart", "aestheticScore", "negativeAestheticScore",
        ]
        for field in RequestField.all {
            var request = try Self.request(field)
            if field.name == "width" { request.height = 64 }
            #expect(field.texts(request).isEmpty == silent.contains(field.name), "\(field.name)")
            var fields = FieldReader(PictureParameters(prompt: "", fields: field.texts(request)))
            var read = Request(prompt: "")
            field.readText(&fields, &read)
            if read != Request(prompt: "") { #expect(read == request, "\(field.name)") }
        }
    }

    @Test func rangesAreCheckedAndSaid() throws {
        var request = Request(prompt: "")
        request.guidanceScale = 1001
        #expect(RequestField.guidanceScale.range == "0 to 1000")
        #expect(
            throws: LimnError("a guidance scale of 1001.0 is out of range; give 0 to 1000, 1 for none", isUsage: true)
        ) {
            try RequestField.checkRanges(of: request)
        }
        request.guidanceScale = .nan
        #expect(throws: LimnError.self) { try RequestField.checkRanges(of: request) }
    }

    /// A newer version's record says something that this one does not know.
    @Test func whatARecordSaysThatIsNotKnownIsNamed() throws {
        let text = #"{"prompt": "a fox", "steps": 3, "controls": [], "tuning": {"wobble": 1}, "version": "9.9"}"#
        let record = try JSON(parsing: Array(text.utf8)).decode(PictureRecord.self)
        let note = try #require(record.newerNotes(path: "a.png").first)
        #expect(note.contains("9.9") && note.contains("\"controls\"") && note.contains("\"tuning.wobble\""))
    }
}

/// Pictures of earlier versions are drawn again.
@Suite struct OldRecordTests {
    /// Drawn in float32; on other CPUs a pixel may differ by 2 of 255.
    @Test(arguments: [
        ("limn-0.1.0-text", "pipeline-a"), ("limn-0.1.0-webui", "pipeline-a"), ("limn-0.1.0-comfyui", "pipeline-a"),
        ("limn-0.1.0-morph", "pipeline-a"), ("limn-0.1.0-xl", "pipeline-xl"),
    ])
    func picturesOfVersion010(_ name: String, _ fixture: String) async throws {
        let path = Fixtures.path("records") + "/\(name).png"
        let recipe = try Recipe(contentsOf: path)
        #expect(recipe.isExact && recipe.notes.isEmpty)
        let folder = Fixtures.path(fixture)
        let model = try await Model.load(from: folder, options: LoadOptions(threads: 1, precision: .float32))
        let picture = recipe.needsInitImage ? try Picture(contentsOf: folder + "/init.png") : nil
        let mask = recipe.needsMask ? try Picture(contentsOf: folder + "/mask.png") : nil
        let drawn = try #require(
            try await model.generate(try recipe.request(initImage: picture, mask: mask)).first)
        let expected = try Picture(contentsOf: path)
        #expect(drawn.pixels.count == expected.pixels.count)
        let difference = zip(drawn.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 255
        #expect(difference <= 2)
    }
}
