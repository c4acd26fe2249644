import Checkpoints
import Foundation
import Sampling
import TestSupport
import Testing

@testable import Limn

/// Prompts with weights, chunks, compositions and changes: against transformers and diffusers with the webui's and
/// ComfyUI's formulas (Tools/reference/weighted.py), and against prompts that must mean the same.
@Suite(.serialized) struct WeightedPromptTests {
    private static let short = "a (red:1.3) apple, [green] table BREAK ((oil painting))"
    private static let long =
        "(a photo of a cat:1.2)" + String(repeating: " by the sea a red apple on a green table", count: 5)

    private func load(_ name: String) async throws -> Model {
        try await Model.load(from: Fixtures.path(name), options: LoadOptions(threads: 2, precision: .float32))
    }

    @Test(arguments: ["pipeline-a", "pipeline-b", "pipeline-xl", "pipeline-alt", "pipeline-t5"])
    func statesAreThoseOfTheFormulas(_ name: String) async throws {
        let reference = try SafetensorsFile(path: Fixtures.path("prompts/states.safetensors"))
        let model = try await load(name)
        var worst = 0.0
        var compared = 0
        for key in reference.tensors.keys.sorted() where key.hasPrefix(name + ".") && !key.hasSuffix(".pooled") {
            let words = key.split(separator: ".").map(String.init)
            let emphasis = try #require(Emphasis(rawValue: words[2]))
            let text = words[1] == "short" ? Self.short : Self.long
            let read = try await model.states(of: text, emphasis)
            let error = relativeError(read.states, try reference.float32(key))
            #expect(error < 1e-5, "\(key): \(error)")
            worst = max(worst, error)
            if reference.tensors[key + ".pooled"] != nil {
                let error = relativeError(read.pooled ?? [], try reference.float32(key + ".pooled"))
                #expect(error < 1e-5, "\(key).pooled: \(error)")
                worst = max(worst, error)
            }
            compared += 1
        }
        #expect(compared >= 1)
        print("\(name): \(compared) texts, worst error \(worst)")
    }

    static let runs: [(name: String, prompt: String, negative: String, scale: Float, seed: UInt64)] = [
        ("weighted", short, "(blurry)", 5, 1), ("long", long, "(blurry)", 5, 2),
        ("composed", "a cat :1.2 AND a (dog:1.2):-0.3", "(blurry)", 4, 3),
        ("scheduled", "a [red:green:0.5] apple", "(blurry)", 5, 4),
        ("alternating", "a [red|green] apple", "(blurry)", 5, 5),
        ("together", "a cat:0.7 AND a [red:green:4] apple :0.5", "[a red apple:(blurry):2]", 5, 6),
    ]

    @Test(arguments: runs)
    func runsEndInTheLatentsOfTheFormulas(
        _ run: (name: String, prompt: String, negative: String, scale: Float, seed: UInt64)
    ) async throws {
        let reference = try SafetensorsFile(path: Fixtures.path("prompts/runs.safetensors"))
        let model = try await load("pipeline-b")
        var request = Self.request(run.prompt)
        (request.negativePrompt, request.guidanceScale) = (run.negative, run.scale)
        (request.seed, request.steps) = (run.seed, 6)
        let picture = try #require(try await model.generate(request).first)
        let error = relativeError(picture.latents?.values ?? [], try reference.float32(run.name))
        #expect(error < 1e-4, "\(run.name): \(error)")
        print("\(run.name): error \(error)")
    }

    private static func request(_ prompt: String, style: PromptStyle = .webui) -> Request {
        var request = TinyModel.request(steps: 4)
        (request.prompt, request.text.style) = (prompt, style)
        return request
    }

    private func pixels(_ model: Model, _ request: Request) async throws -> [UInt8] {
        try #require(try await model.generate(request).first).pixels
    }

    /// A prompt without signs is the same in every style, to the byte.
    @Test(arguments: ["pipeline-a", "pipeline-b", "pipeline-xl", "pipeline-alt", "pipeline-t5", "pipeline-lcm"])
    func withoutSignsAllStylesAreOne(_ name: String) async throws {
        let model = try await load(name)
        var plain = Self.request("a red apple on a green table", style: .plain)
        plain.negativePrompt = "blurry"
        let expected = try await pixels(model, plain)
        for style in [PromptStyle.webui, .comfyui] {
            var request = plain
            request.text.style = style
            #expect(try await pixels(model, request) == expected, "\(style)")
        }
        plain.prompt = "a (red:1.5) apple on a green table"
        let bracketed = try await pixels(model, plain)
        plain.text.style = .webui
        #expect(try await pixels(model, plain) != bracketed)
    }

    @Test func changesThatAreNoneDrawTheSame() async throws {
        let model = try await load("pipeline-b")
        let cat = try await pixels(model, Self.request("a cat"))
        let dog = try await pixels(model, Self.request("a dog"))
        for (prompt, expected) in [
            ("a [cat:dog:0]", dog), ("a [cat:dog:4]", cat), ("a [cat:dog:1.0]", cat), ("a [cat|cat]", cat),
            ("a cat AND a dog:0", cat), ("a cat:1", cat), ("a [cat::9]", cat),
        ] {
            let own = try await pixels(model, Self.request(prompt))
            // Where prompts are put together the sum is another, if of the same numbers.
            let difference = zip(own, expected).map { abs(Int($0) - Int($1)) }.max() ?? 255
            #expect(difference <= (prompt.contains("AND") ? 1 : 0), "\(prompt): \(difference)")
        }
        for prompt in ["a [cat:dog:2]", "a [cat|dog]", "a cat AND a dog", "a cat:0.5"] {
            let own = try await pixels(model, Self.request(prompt))
            #expect(own != cat && own != dog, "\(prompt)")
        }
    }

    /// Twice the weight is twice the guidance; and a composition without guidance is one at a scale of 1.
    @Test func weightsOfPromptsAreGuidance() async throws {
        let model = try await load("pipeline-b")
        var (weighted, guided) = (Self.request("a cat:2"), Self.request("a cat"))
        (weighted.guidanceScale, guided.guidanceScale) = (3, 6)
        let (a, b) = (try await pixels(model, weighted), try await pixels(model, guided))
        #expect((zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 255) <= 1)
        var alone = Self.request("a cat AND a cat:0")
        alone.guidanceScale = 1
        guided.guidanceScale = 1
        let (c, d) = (try await pixels(model, alone), try await pixels(model, guided))
        #expect((zip(c, d).map { abs(Int($0) - Int($1)) }.max() ?? 255) <= 1)
    }

    /// Guidance that ends, step caching and the refiner go with compositions and changes.
    @Test(arguments: ["pipeline-a", "pipeline-xl"])
    func shortcutsAndBatchesGoWithThem(_ name: String) async throws {
        let model = try await load(name)
        var request = Self.request("a [red|green] (cat:1.2) AND a dog BREAK on a table:0.5")
        (request.guidance.end, request.sampling.cacheInterval, request.count) = (0.5, 2, 2)
        let both = try await model.generate(request)
        request.count = 1
        let first = try #require(try await model.generate(request).first)
        #expect(both.first?.pixels == first.pixels)
        let drawn = try #require(first.request)
        let again = try #require(try await model.generate(drawn).first)
        #expect(again.pixels == first.pixels)
    }

    @Test func theRecordBringsThemBack() async throws {
        let model = try await load("pipeline-b")
        var request = Self.request("a (red:1.3) [cat:dog:2] AND a house:0.5")
        (request.text.emphasis, request.text.template) = (.noNorm, "a {x|y}")
        let picture = try #require(try await model.generate(request).first)
        let folder = try TemporaryFolder()
        try picture.write(to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        let own = try recipe.request()
        #expect(own.text.style == .webui && own.text.emphasis == .noNorm && own.text.template == "a {x|y}")
        #expect(recipe.parameters?.contains("Emphasis: No norm") == true, "\(recipe.parameters ?? "")")
        #expect(try await pixels(model, own) == picture.pixels)
    }

    @Test(arguments: [
        ("(a:1.2.3)", "not a number"), ("(a:1000)", "out of range"), ("a:500", "out of range"),
        (String(repeating: "(", count: 200), "brackets"), (String(repeating: "a BREAK ", count: 150), "chunks"),
        (String(repeating: "a AND ", count: 150), "put together"), (String(repeating: "a", count: 300_000), "KiB"),
    ])
    func whatCannotBeMeantIsRefused(_ prompt: String, _ words: String) async throws {
        let model = try await load("pipeline-b")
        let text = await message { _ = try await model.generate(Self.request(prompt)) }
        #expect(text?.contains(words) == true, "\(text ?? "drawn")")
        let edit = try await load("pipeline-edit")
        var request = Self.request("a AND b")
        request.source.picture = try TinyModel.picture { x, y in UInt8(x + y) }
        #expect(await message { _ = try await edit.generate(request) }?.contains("AND") == true)
    }

    @Test func manyChangesAreRefused() async throws {
        let model = try await load("pipeline-b")
        var request = Self.request("[" + (0..<150).map { "w\($0)" }.joined(separator: "|") + "]")
        request.steps = 150
        #expect(await message { _ = try await model.generate(request) }?.contains("100") == true)
    }
}

extension Model {
    /// A text's states, with weights as the webui reads them.
    fileprivate func states(of text: String, _ emphasis: Emphasis) throws -> (states: [Float], pooled: [Float]?) {
        let read = try networks.texts.readInChunks(
            SpokenText(name: "prompt", text: text), .webui, emphasis, description, textCompute)
        return (read.states.values, read.pooled)
    }
}

/// Words that are chosen, styles, files of prompts.
@Suite struct PromptSourceTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func request(_ prompt: String, count: Int = 1, seed: UInt64? = 1) -> Request {
        var request = Request(prompt: prompt)
        (request.count, request.seed) = (count, seed)
        return request
    }

    @Test func choicesAreTheSeeds() throws {
        let choices = PromptChoices()
        let prompt = "{red|blue|green|white|black} {car|house|tree|{old|young} cat}"
        let many = try choices.requests(for: request(prompt, count: 20))
        #expect(many.map(\.prompt) == (try choices.requests(for: request(prompt, count: 20))).map(\.prompt))
        #expect(Set(many.map(\.prompt)).count > 5)
        #expect(many.map(\.seed) == (1...20).map { UInt64($0) } && many.allSatisfy { $0.count == 1 })
        // A picture's words are its seed's, whatever the batch.
        #expect(try choices.requests(for: request(prompt, seed: 7))[0].prompt == many[6].prompt)
        #expect(many.allSatisfy { $0.text.template == prompt && $0.text.negativeTemplate == nil })
        #expect(try choices.requests(for: request("a cat"))[0].text.template == nil)
    }

    @Test func combinationsAreAll() throws {
        var asked = request("{red|blue} {car|house|tree}", count: 2)
        asked.negativePrompt = "{blurry|dark}"
        let all = try PromptChoices().combinations(for: asked)
        #expect(all.count == 12 && Set(all.map { $0.prompt + $0.negativePrompt }).count == 12)
        #expect(all.allSatisfy { $0.seed == 1 && $0.count == 2 && $0.text.negativeTemplate == "{blurry|dark}" })
        asked.prompt = String(repeating: "{a|b}", count: 12)
        let text = #expect(throws: LimnError.self) { try PromptChoices().combinations(for: asked) }
        #expect(text?.description.contains("8192") == true)
        asked.prompt = String(repeating: "{a|b}", count: 100)
        #expect(throws: LimnError.self) { try PromptChoices().combinations(for: asked) }
    }

    @Test func wildcardsComeFromFiles() throws {
        try folder.write(Array("# colours\nred\n\n  blue \n".utf8), to: "colour.txt")
        let choices = PromptChoices(folder: folder.path)
        #expect(try choices.combinations(for: request("__colour__ car")).map(\.prompt) == ["red car", "blue car"])
        let near = #expect(throws: LimnError.self) { try choices.requests(for: request("__color__")) }
        #expect(near?.description.contains("colour") == true, "\(near?.description ?? "")")
        let outside = #expect(throws: LimnError.self) { try choices.requests(for: request("__../colour__")) }
        #expect(outside?.description.contains("folder") == true)
        #expect(throws: LimnError.self) { try PromptChoices().requests(for: request("__colour__")) }
    }

    @Test func stylesGoAroundPrompts() throws {
        let text = #"""
            \#u{feff}name,prompt,negative_prompt
            None,,
            Water,"{prompt}, watercolour, ""soft""",oil
            Plain, "sharp,
            clear",
            """#
        let path = try folder.write(Array(text.utf8), to: "styles.csv")
        let sheet = try StyleSheet(contentsOf: path)
        #expect(sheet.names == ["None", "Plain", "Water"])
        var own = request("a cat")
        own.negativePrompt = "blurry"
        try sheet.apply(["Water", "Plain", "None"], to: &own)
        #expect(own.prompt == "a cat, watercolour, \"soft\", sharp,\nclear")
        #expect(own.negativePrompt == "blurry, oil")
        let near = #expect(throws: LimnError.self) { try sheet.apply(["Watr"], to: &own) }
        #expect(near?.description.contains("Water") == true)
        for bad in ["a,b\n1,2", "name,prompt\nx,\"y", ""] {
            let path = try folder.write(Array(bad.utf8), to: "bad.csv")
            #expect(throws: LimnError.self) { try StyleSheet(contentsOf: path) }
        }
    }

    @Test func filesHoldPromptsAndFlags() throws {
        let text = """
            # comment
            a red apple

            --prompt "a cat" --negative_prompt blurry and dark --seed 5 --steps 3 --cfg_scale 4.5 --width 32
            --sampler_name "DPM++ 2M Karras" --prompt 'it''s "a" dog' --n_iter 2 --batch_size 3
            a -- b
            """
        let path = try folder.write(Array(text.utf8), to: "prompts.txt")
        let file = try PromptFile(contentsOf: path)
        #expect(file.lines.map(\.number) == [2, 4, 5, 6])
        let all = try file.lines.map { line in
            var own = request("")
            try line.apply(to: &own)
            return own
        }
        #expect(all.map(\.prompt) == ["a red apple", "a cat", "its \"a\" dog", "a -- b"])
        #expect(all[1].negativePrompt == "blurry and dark" && all[1].seed == 5 && all[1].steps == 3)
        #expect(all[1].guidanceScale == 4.5 && all[1].width == 32 && file.lines[1].hasSeed)
        #expect(all[2].sampler == "DPM++ 2M Karras" && all[2].count == 6)
        for (bad, words) in [
            ("--promt a", "--prompt"), ("--prompt \"a", "quote"), ("--prompt", "lacks"), ("--steps 3 4", "no flag"),
            ("", "0"),
        ] {
            let path = try folder.write(Array(bad.utf8), to: "bad.txt")
            let failure = #expect(throws: LimnError.self) { try PromptFile(contentsOf: path) }
            #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
        }
        let wrong = try folder.write(Array("--steps many".utf8), to: "wrong.txt")
        var own = request("")
        #expect(throws: LimnError.self) { try PromptFile(contentsOf: wrong).lines[0].apply(to: &own) }
    }

    @Test func reportsSayWhatIsRead() throws {
        let model = Fixtures.path("pipeline-xl")
        let report = try PromptReport(
            of: "a (red:1.5) [cat:dog:0.5] BREAK x AND y:0.5", style: .webui, steps: 10, model: model)
        #expect(report.texts.map(\.weight) == [1, 1, 0.5])
        #expect(report.texts.map(\.steps) == [Array(1...5), Array(6...10), Array(1...10)])
        #expect(report.texts[0].encoders.map(\.name) == ["text_encoder", "text_encoder_2"])
        #expect(report.texts[0].encoders[0].chunks.count == 2)
        #expect(report.texts[0].encoders[0].chunks[0].contains { $0.weight == 1.5 })
        let plain = try PromptReport(
            of: String(repeating: "red ", count: 100), model: Fixtures.repository + "/weights/icons-128")
        #expect(plain.texts[0].encoders[0].dropped?.contains("red") == true)
        #expect(plain.texts[0].encoders[0].chunks[0].count == plain.texts[0].encoders[0].room)
    }
}
