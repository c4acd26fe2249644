import Images
import Testing

@Suite struct PictureParametersTests {
    static let fields = [
        (key: "Steps", value: "25"), (key: "Sampler", value: "DPM++ 2M"), (key: "Seed", value: "42"),
        (key: "Size", value: "512x768"),
    ]

    @Test func writesWhatTheWebuiWrites() {
        let parameters = PictureParameters(
            prompt: "a red apple,\non a table", negativePrompt: "blurry",
            fields: Self.fields + [("Model", "a, b: c"), ("Lora hashes", "x\ny\"z")])
        #expect(
            parameters.text == """
                a red apple,
                on a table
                Negative prompt: blurry
                Steps: 25, Sampler: DPM++ 2M, Seed: 42, Size: 512x768, Model: "a, b: c", Lora hashes: "x\\ny\\"z"
                """)
        #expect(PictureParameters(parsing: parameters.text) == parameters)
        #expect(parameters["Size"] == "512x768")
        #expect(parameters["Version"] == nil)
    }

    @Test func leavesOutWhatIsEmpty() {
        #expect(PictureParameters(prompt: "cat", fields: [("Steps", "1")]).text == "cat\nSteps: 1")
        #expect(PictureParameters(prompt: "", negativePrompt: "dog").text == "Negative prompt: dog")
        #expect(PictureParameters(prompt: "").text == "")
    }

    @Test(arguments: [
        "", "a", "a, b: c", "line\nline", "\n\nafter blank lines\n\n", "  spaces  \n at ends ", "Steps: 3",
        "Steps: 3, Sampler: y, Seed: 1", "Steps: 3, Sampler: y, Seed: 1\nmore", "Negative prompts: no",
        "日本語 🍎",
        "\"quoted\", \\ and {json: [1]}", "tab\there", "e\u{301} and é", "x Negative prompt: y",
        "<lora:a:1>, (b:1.2)",
    ])
    func roundTripsAwkwardPrompts(prompt: String) {
        for negative in ["", "bad", "Steps: 1, Sampler: b, Seed: 3", " two\n lines"] {
            let parameters = PictureParameters(prompt: prompt, negativePrompt: negative, fields: Self.fields)
            #expect(PictureParameters(parsing: parameters.text) == parameters)
            #expect(parameters.survivesText)
        }
    }

    @Test(arguments: [
        "", " ", " a ", "\"", "\"a\"", "a\"b", "\\", "a,b", "a:b", "\n", "\r\n", "\t", "\u{1}", "\"a\", b: c",
        "\u{2028}",
        "日本, 語", "\u{1F34E}:", "\\\"", ",", "a\\", "\u{85}", "{\"a\": \"b, c\"}",
    ])
    func roundTripsAwkwardValues(value: String) {
        for fields in [
            [("First one", value)] + Self.fields, Self.fields + [("Last one", value)],
            [("Aa", value), ("Bb", value), ("Cc", value)],
        ] {
            let parameters = PictureParameters(prompt: "p", negativePrompt: "n", fields: fields)
            #expect(PictureParameters(parsing: parameters.text) == parameters)
        }
    }

    @Test(arguments: ["Negative prompt: x", "a\n Negative prompt: x\nb", "a\r\nb"])
    func saysWhatTheFormCannotHold(prompt: String) {
        #expect(!PictureParameters(prompt: prompt, fields: Self.fields).survivesText)
        #expect(!PictureParameters(prompt: "a", fields: Array(Self.fields.prefix(2))).survivesText)
        #expect(!PictureParameters(prompt: "a", fields: Self.fields + [("Bad: key", "1")]).survivesText)
    }

    @Test func fewerThanThreePairsAreAPrompt() {
        let two = PictureParameters(parsing: "a cat\nSteps: 3, Seed: 4")
        #expect(two == PictureParameters(prompt: "a cat\nSteps: 3, Seed: 4"))
        let three = PictureParameters(parsing: "a cat\nSteps: 3, Seed: 4, Size: 8x8")
        #expect(three.prompt == "a cat" && three.fields.count == 3)
    }

    @Test func readsTextFromElsewhere() {
        // The webui's own example of stray text, CRLF and a trailing newline; fields with odd spacing.
        let text =
            "girl\r\nNegative prompt: ugly,\r\n fat\r\nSteps: 20,Sampler:  Euler a , CFG scale: 7, ??, Seed: 96\r\n"
        let parameters = PictureParameters(parsing: text)
        #expect(parameters.prompt == "girl")
        #expect(parameters.negativePrompt == "ugly,\n fat")
        #expect(parameters.fields.map(\.key) == ["Steps", "Sampler", "CFG scale", "Seed"])
        #expect(parameters.fields.map(\.value) == ["20", "Euler a ", "7", "96"])
        #expect(
            PictureParameters(parsing: #"Steps: 1, Lora hashes: "a: b, c: d", Bad: "x, End: "\ud83c\udf4e""#)
                .fields
                .map(\.value) == ["1", "a: b, c: d", "\"x", "🍎"])
        #expect(PictureParameters(parsing: "Aa: 1, Aa: 2, Aa: 3")["Aa"] == "3")
    }

    @Test(arguments: [
        "", "\n", "\r\n\r\n", ":", ",", ":,:,:", "\"", "Aa: \"", "Aa: \"\\",
        "Aa: \"\\u12\", Bb: \"\\ud800\", Cc: \"\\q\"",
        "Negative prompt:", "Negative prompt:\nNegative prompt:", "aa:aa:aa:aa", "\u{0}\u{0}",
        "\u{301}\u{301}: x",
    ])
    func hostileTextGivesSomeValue(text: String) {
        let parameters = PictureParameters(parsing: text)
        let again = PictureParameters(parsing: parameters.text)
        #expect(again.fields.count <= max(parameters.fields.count, 3))
    }

    @Test(.timeLimit(.minutes(10))) func longHostileTextIsReadInLinearTime() {
        let count = 100_000
        for unit in ["aa:\"", "aa ", " ", "a:", "\"\\", "aa:\"x\"y,", "\n", "Negative prompt:\n", ":\"\\\""] {
            let text = String(repeating: unit, count: count)
            #expect(PictureParameters(parsing: text).prompt.utf8.count <= text.utf8.count)
        }
    }
}
