import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Weights, changes and compositions against the webui's and ComfyUI's own functions.
@Suite struct PromptSyntaxTests {
    struct Parses: Decodable {
        let steps: Int
        let cases: [Case]
    }

    struct Case: Decodable {
        let prompt: String
        /// nil: the webui stops at it.
        let attention: [Stretch]?
        let composition: [Stretch]
        let schedule: [Stage]
        let comfy: [Stretch]
    }

    /// Text and weight; without one it is not finite.
    struct Stretch: Decodable {
        let text: String
        let weight: Double?

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            text = try pair.decode(String.self)
            weight = try pair.decode(Double?.self)
        }

        func isLike(_ text: String, _ weight: Double) -> Bool {
            Array(self.text.utf8) == Array(text.utf8) && (self.weight ?? .nan == weight || !weight.isFinite)
        }
    }

    struct Stage: Decodable, Equatable {
        let lastStep: Int
        let text: String

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            lastStep = try pair.decode(Int.self)
            text = try pair.decode(String.self)
        }
    }

    static let parses: Parses = {
        do {
            let bytes = try Fixtures.bytes("prompts/parses.json")
            return try JSONDecoder().decode(Parses.self, from: Data(bytes))
        } catch {
            return Parses(steps: 0, cases: [])
        }
    }()

    @Test func fixtureIsThere() {
        #expect(Self.parses.cases.count > 300)
        #expect(Self.parses.cases.contains { $0.attention == nil })
    }

    @Test func weightsAreReadAsTheWebUIReadsThem() {
        for expected in Self.parses.cases {
            let own = try? WebUIWeights.parse(expected.prompt)
            let agrees =
                own?.count == expected.attention?.count
                && zip(own ?? [], expected.attention ?? []).allSatisfy { $1.isLike($0.text, $0.weight) }
            #expect(agrees, "\(expected.prompt.debugDescription): \(own ?? []), not \(expected.attention ?? [])")
        }
    }

    /// The webui's grammar has several readings of `[:0.5]`, a change from nothing to nothing, among brackets that do
    /// not go together, of which its parser takes now one and now another.
    @Test func changesAreReadAsTheWebUIReadsThem() throws {
        var exceptions = 0
        for expected in Self.parses.cases {
            let own = try PromptSchedule(parsing: expected.prompt).texts(steps: Self.parses.steps)
            let agrees =
                own.count == expected.schedule.count
                && zip(own, expected.schedule).allSatisfy { $0.lastStep == $1.lastStep && $0.text == $1.text }
            if !agrees, expected.prompt.contains("[:0.5]") {
                exceptions += 1
                continue
            }
            #expect(agrees, "\(expected.prompt.debugDescription): \(own), not \(expected.schedule)")
        }
        #expect(exceptions <= 4)
    }

    @Test func compositionsAreReadAsTheWebUIReadsThem() throws {
        for expected in Self.parses.cases {
            let own = try ComposedPart.parse(expected.prompt)
            let agrees =
                own.count == expected.composition.count
                && zip(own, expected.composition).allSatisfy { $1.isLike($0.text, $0.weight) }
            #expect(agrees, "\(expected.prompt.debugDescription): \(own), not \(expected.composition)")
        }
    }

    @Test func weightsAreReadAsComfyUIReadsThem() throws {
        for expected in Self.parses.cases {
            let own = try ComfyWeights.parse(expected.prompt)
            let agrees =
                own.count == expected.comfy.count
                && zip(own, expected.comfy).allSatisfy { $1.isLike($0.text, $0.weight) }
            #expect(agrees, "\(expected.prompt.debugDescription): \(own), not \(expected.comfy)")
        }
    }

    /// Nobody's brackets take more than a moment (or, on a machine that has much else to do, a minute), or more than the stack
    /// has.
    @Test func hostileTextsAreRefusedOrReadInTime() throws {
        let many = 1 << 17
        for unit in [
            "(", "[", "(a", "[a:", "[a|", ")", "]", ":", "|", "\\", ": ", "BREAK ", " AND ", "(a:1.1)", "[a:b:2]", "a ",
        ] {
            let text = String(repeating: unit, count: many / unit.utf8.count)
            let start = ContinuousClock.now
            _ = try? WebUIWeights.parse(text)
            _ = try? ComfyWeights.parse(text)
            _ = try? ComposedPart.parse(text)
            _ = (try? PromptSchedule(parsing: text))?.texts(steps: 3)
            #expect(ContinuousClock.now - start < .seconds(60), "\(unit)")
        }
        let deep = String(repeating: "(", count: 99) + "a" + String(repeating: ")", count: 99)
        #expect(try WebUIWeights.parse(deep).count == 1)
        #expect(try ComfyWeights.parse(deep).count == 1)
        #expect(throws: PromptError.tooDeep) { try WebUIWeights.parse("((" + deep) }
        #expect(throws: PromptError.tooDeep) { try ComfyWeights.parse("((" + deep + "))") }
        #expect(throws: PromptError.tooDeep) { try PromptSchedule(parsing: "((" + deep) }
        let long = String(repeating: "a", count: PromptError.longest + 1)
        #expect(throws: PromptError.tooLong(bytes: long.utf8.count)) { try WebUIWeights.parse(long) }
        #expect(throws: PromptError.badWeight("1.2.3")) { try WebUIWeights.parse("(a:1.2.3)") }
    }
}

/// `{red|blue}` and `__colour__`.
@Suite struct PromptTemplateTests {
    private let files = [
        "colour": ["red", "2::blue", "{dark|light} green"], "loop": ["a __loop2__"], "loop2": ["__loop__"],
        "b0": ["x"], "empty": [],
    ]

    private func template(_ text: String) throws -> PromptTemplate {
        try PromptTemplate(parsing: text) { name in
            if let depth = name.wholeMatch(of: /b(\d+)/).flatMap({ Int($0.1) }), depth > 0 {
                return ["__b\(depth - 1)____b\(depth - 1)__"]
            }
            guard let lines = files[name] else { throw PromptTemplate.Failure(description: "no \(name)") }
            return lines
        }
    }

    private func all(_ text: String) throws -> [String] {
        let template = try template(text)
        return try (0..<(template.combinations ?? 0)).map(template.combination)
    }

    @Test func everyCombinationComesOnce() throws {
        #expect(try all("a cat") == ["a cat"])
        #expect(try all("{red|blue} car") == ["red car", "blue car"])
        #expect(try all("{a|b}{1|2}") == ["a1", "b1", "a2", "b2"])
        #expect(try all("{a|{b|c} {d|e}|}x") == ["ax", "b dx", "c dx", "b ex", "c ex", "x"])
        #expect(try all("__colour__ car") == ["red car", "blue car", "dark green car", "light green car"])
        #expect(Set(try all("{__colour__|{x|y}{1|2|3}} {p|q}")).count == 20)
    }

    @Test func signsThatAreMeant() throws {
        #expect(try all(#"\{a|b\} \(c:1.2) d|e __x a _b } \| [a\|b]"#) == [#"{a|b} \(c:1.2) d|e __x a _b } | [a|b]"#])
        #expect(try all(#"{a\|b}"#) == ["a|b"])
        #expect(try !template("a | b }").hasChoices)
    }

    @Test func weightsMakeLikely() throws {
        var random = SplitMix(1)
        var counts: [String: Int] = [:]
        let template = try template("{3::red|blue|0::green}")
        for _ in 0..<4000 {
            counts[try template.text { Double(random.next() >> 11) * 0x1p-53 }, default: 0] += 1
        }
        #expect(counts["green"] == nil)
        #expect(abs(Double(counts["red"] ?? 0) / 4000 - 0.75) < 0.03)
        #expect(try template.text { 0 } == "red")
        #expect(try template.text { 0.9999 } == "blue")
    }

    @Test(arguments: [
        ("{a|b", "lacks its }"), ("{0::a}", "weight of 0"), ("{1.2.3::a|b}", "no weight"),
        ("__loop__", "within itself"),
        ("__nothing__", "no nothing"), ("__empty__", "no lines"), (String(repeating: "{", count: 100), "braces"),
    ])
    func whatIsWrongIsSaid(_ text: String, _ words: String) throws {
        let failure = #expect(throws: PromptTemplate.Failure.self) { try template(text) }
        #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
    }

    /// Files that double what is in others.
    @Test func endlessTextsEnd() throws {
        let template = try template("__b30__")
        #expect(template.combinations == 1)
        #expect(throws: PromptTemplate.Failure.self) { try template.combination(0) }
        #expect(throws: PromptTemplate.Failure.self) { try template.text { 0 } }
    }
}

/// Prompts of any length, cut for the text encoder.
@Suite struct PromptChunkTests {
    private func clip(_ learnt: [LearntToken] = []) throws -> any Tokenizer {
        try TokenizerLoader.load(folder: Fixtures.path("tokenizers/clip"), learnt: learnt)
    }

    private func counts(_ text: String, _ tokenizer: any Tokenizer) throws -> [Int] {
        try PromptChunks.webUI(try WebUIWeights.parse(text), tokenizer).map(\.tokens.count)
    }

    private struct Case: Decodable {
        let prompt: String
        let ids: [[Int]]
        /// Weights, and how many tokens in a row have them.
        let weights: [[[Double]]]
    }

    @Test func longPromptsAreCutWhereTheWebUICutsThem() throws {
        let cases = try JSONDecoder().decode([Case].self, from: Data(try Fixtures.bytes("prompts/chunks.json")))
        let clip = try clip()
        #expect(cases.count == 20)
        for expected in cases {
            let chunks = try PromptChunks.webUI(try WebUIWeights.parse(expected.prompt), clip)
            // Its padding is the end token, as this tokenizer's is.
            #expect(chunks.map { $0.framed(clip.frame).ids } == expected.ids, "\(expected.prompt)")
            let weights = expected.weights.map { $0.flatMap { Array(repeating: $0[0], count: Int($0[1])) } }
            #expect(chunks.map { $0.weights(clip.frame) } == weights, "\(expected.prompt)")
        }
    }

    private func words(_ count: Int) -> String { String(repeating: "1 ", count: count) }

    @Test func aShortPromptIsOneChunkAsItIsWithoutSyntax() throws {
        let icons = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/t5-icons"))
        for tokenizer in [try clip(), icons] {
            for text in ["", "a red apple", String(repeating: "red ", count: 20)] {
                let chunks = try PromptChunks.webUI(try WebUIWeights.parse(text), tokenizer)
                let plain = try tokenizer.encode(text)
                #expect(chunks.count == 1 && !chunks[0].isWeighted)
                #expect(chunks[0].framed(tokenizer.frame).ids == plain.ids)
                #expect(chunks[0].framed(tokenizer.frame).count == plain.tokenCount)
                #expect(try PromptChunks.comfy(try ComfyWeights.parse(text), tokenizer) == chunks)
            }
        }
    }

    @Test func longPromptsTakeChunks() throws {
        let clip = try clip()
        #expect(try counts(words(75), clip) == [75])
        #expect(try counts(words(76), clip) == [75, 1])
        #expect(try counts("a BREAK b", clip).count == 2)
        #expect(try counts("BREAK", clip) == [0])
        #expect(try counts("BREAK a", clip).first == 0)
        // After the comma, if it is not far.
        #expect(try counts(words(60) + "," + words(30), clip) == [61, 30])
        #expect(try counts(words(40) + "," + words(50), clip) == [75, 16])
        #expect(try counts(words(75) + "," + words(3), clip) == [75, 4])
        let weighted = try PromptChunks.webUI(try WebUIWeights.parse("a (1:1.5)"), clip)
        #expect(weighted[0].weights(clip.frame).count == 77)
        #expect(weighted[0].tokens.last?.weight == 1.5)
        #expect(weighted[0].weights(clip.frame)[0] == 1)
    }

    @Test func learntWordsStayTogether() throws {
        let clip = try clip([LearntToken(name: "<style>", count: 4)])
        #expect(try counts(words(73) + "<style> 1", clip) == [73, 5])
        #expect(try counts(words(71) + "<style> 1", clip) == [75, 1])
        let long = try self.clip([LearntToken(name: "<long>", count: 100)])
        #expect(try counts("1 <long>", long) == [1, 75, 25])
    }

    /// ComfyUI's `embedding:name`, as its sd1_clip.py reads it: the vectors alone, whatever commas and endings are about.
    @Test func comfyMarksEmbeddings() throws {
        let clip = try clip([
            LearntToken(name: "inner", count: 2, file: "words/easyneg.safetensors"),
            LearntToken(name: "long", count: 10, file: "words/sub/Long.pt"),
        ])
        let (two, ten) = (clip.learnt[0].ids, clip.learnt[1].ids)
        var missing: [String] = []
        func ids(_ text: String) throws -> [[Int]] {
            missing = []
            return try PromptChunks.comfy(try ComfyWeights.parse(text), clip) { missing.append($0) }
                .map { $0.tokens.map(\.id) }
        }
        func plain(_ text: String) throws -> [Int] { try clip.tokens(text, withLearnt: false).map(\.id) }
        let (comma, fox) = (try plain(","), try plain("fox"))
        #expect(try ids("embedding:easyneg, fox") == [two + comma + fox])
        #expect(try ids("embedding:easyneg,, fox") == [two + (try plain(",,")) + fox])
        #expect(try ids("embedding:easyneg.safetensors fox") == [two + fox])
        #expect(try ids("fox\nembedding:words/easyneg") == [fox + two])
        #expect(try ids("embedding:sub\\Long.pt") == [ten] && missing.isEmpty)
        #expect(try ids("embedding:EasyNeg\tfox") == [two + fox] && missing.isEmpty)
        // What is not there is left out, but not the commas; what touches a mark is part of the name.
        #expect(try ids("a embedding:none, fox") == [(try plain("a")) + comma + fox] && missing == ["none"])
        #expect(try ids("embedding:none fox") == [fox] && missing == ["none"])
        #expect(try ids("embedding:easyneg,embedding:easyneg") == [[]] && missing == ["easyneg,embedding:easyneg"])
        #expect(try ids("embedding: fox") == [fox] && missing == [""])
        // In the midst of a word it is letters, and so are the words by themselves.
        #expect(try ids("xembedding:easyneg") == [try plain("xembedding:easyneg")] && missing.isEmpty)
        #expect(try ids("easyneg inner") == [(try plain("easyneg")) + (try plain("inner"))])
        // Of ten vectors, those that fit stay, as in any long word.
        #expect(try ids(words(70) + "embedding:Long").map(\.count) == [75, 5])
        #expect(try ids(words(74) + "embedding:easyneg").map(\.count) == [74, 2])
        let weighted = try PromptChunks.comfy(try ComfyWeights.parse("(embedding:easyneg:1.3) fox"), clip)
        #expect(weighted[0].tokens.map(\.weight) == [1.3, 1.3] + fox.map { _ in 1 })
        #expect(weighted[0].tokens.map(\.id) == two + fox)
        #expect(try ComfyMarker.names(in: "(embedding:a.pt, x:1.2) embedding:b") == ["a.pt,", "a.pt", "b"])
    }

    /// The webui finds the tokens of the file's name, whatever the case and the spaces.
    @Test func theWebUICallsEmbeddingsByTheirFiles() throws {
        let clip = try clip([
            LearntToken(name: "oldname-12", count: 2, file: "a/style-x.pt"),
            LearntToken(name: "other", count: 1, file: "style.pt"),
        ])
        let (two, one) = (clip.learnt[0].ids, clip.learnt[1].ids)
        func ids(_ text: String) throws -> [Int] {
            try PromptChunks.webUI(try WebUIWeights.parse(text), clip).flatMap { $0.tokens.map(\.id) }
        }
        let a = try clip.tokens("a", withLearnt: false).map(\.id)
        for text in ["a style-x", "a Style-X", "a style - x", "a (style-x:1.2)"] { #expect(try ids(text) == a + two) }
        #expect(try ids("a style") == a + one)
        #expect(try ids("a styles") == clip.tokens("a styles", withLearnt: false).map(\.id))
        #expect(try ids("oldname-12") == clip.tokens("oldname-12", withLearnt: false).map(\.id))
        // As it is, a prompt has the word that the file tells.
        #expect(try clip.tokens("a oldname-12").map(\.id) == a + two)
        #expect(try clip.tokens("a style-x").map(\.id) != a + two)
    }

    @Test func comfyMovesWords() throws {
        let clip = try clip()
        // A word of three tokens that does not fit.
        let chunks = try PromptChunks.comfy([WeightedText(words(74) + "1,1 1", 1.3)], clip)
        #expect(chunks.map(\.tokens.count) == [74, 4])
        #expect(chunks[0].tokens.allSatisfy { $0.weight == 1.3 })
        let long = try PromptChunks.comfy([WeightedText(words(70) + "1,1,1,1,1,1,1", 1)], clip)
        #expect(long.map(\.tokens.count) == [75, 8])
    }

    @Test func limitsAreSaid() throws {
        let clip = try clip()
        #expect(throws: PromptError.tooManyChunks(101)) { try counts(words(75 * 101), clip) }
        #expect(throws: PromptError.weightOutOfRange(1000)) { try counts("(a:1000)", clip) }
    }
}
