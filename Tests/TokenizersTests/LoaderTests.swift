import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// A copy of a fixture folder with some files replaced or added, and one left out.
private func folder(
    _ name: String?, _ changes: [String: String] = [:], without: String? = nil
) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    if let name {
        let source = Fixtures.path("tokenizers/" + name)
        for file in try FileManager.default.contentsOfDirectory(atPath: source) where file != without {
            try folder.write(Data(contentsOf: URL(fileURLWithPath: source + "/" + file)), to: file)
        }
    }
    for (file, text) in changes { try folder.write(text.utf8, to: file) }
    return folder
}

private func message(_ folder: TemporaryFolder, maximumLength: Int? = nil) -> String {
    do {
        _ = try TokenizerLoader.load(folder: folder.path, maximumLength: maximumLength)
        return "loaded"
    } catch {
        return "\(error)"
    }
}

@Suite struct LoaderTests {
    @Test func kindsAreTold() throws {
        #expect(
            try TokenizerLoader.load(folder: Fixtures.path("tokenizers/clip")).kind == "CLIP byte-level BPE")
        #expect(
            try TokenizerLoader.load(folder: Fixtures.path("tokenizers/t5")).kind
                == "SentencePiece, T5 layout")
        #expect(
            try TokenizerLoader.load(folder: Fixtures.path("tokenizers/xlmr")).kind
                == "SentencePiece, XLM-R layout")
    }

    @Test(arguments: ["clip", "clip-json", "t5", "t5-json", "xlmr"])
    func withoutConfigTheFilesDecide(name: String) throws {
        let full = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/" + name))
        let bare = try folder(name, without: "tokenizer_config.json")
        let tokenizer = try TokenizerLoader.load(folder: bare.path, maximumLength: 9)
        #expect(tokenizer.kind == full.kind)
        #expect(try tokenizer.encode("a red apple").ids.count == 9)
    }

    @Test(arguments: [
        ("77", nil, 77), ("77", 40, 40), ("20", 77, 20), ("1000000000000000019884624838656", 64, 64),
        ("1e30", nil, 77),
        ("null", 50, 50),
    ])
    func theSmallerLengthCounts(config: String, encoder: Int?, expected: Int) throws {
        let folder = try folder(
            "clip",
            [
                "tokenizer_config.json":
                    #"{"tokenizer_class":"CLIPTokenizerFast","model_max_length":\#(config)}"#
            ])
        #expect(
            try TokenizerLoader.load(folder: folder.path, maximumLength: encoder).maximumLength == expected)
    }

    @Test(arguments: [
        (#"{"tokenizer_class":"BertTokenizer"}"#, "BertTokenizer is not supported. Supported: T5Tokenizer"),
        (#"{"model_max_length":-1}"#, "model_max_length is not a positive number"),
        (#"{"model_max_length":2}"#, "a prompt of 2 tokens is not possible"),
        (#"{"model_max_length":NaN}"#, "model_max_length is not a positive number"),
        (#"{"pad_token":5}"#, "pad_token is not a token"),
        (#"{"pad_token":"<nothing>"}"#, "no token “<nothing>”, which is to be the padding token"),
        (#"{"eos_token":{"content":"<end>"}}"#, "no token “<end>”, which is to be the end token"),
        (#"{"a":1,"a":2}"#, "has the key \"a\" twice"),
        ("[]", "expected an object"), ("{", "not valid JSON"), ("", "the file is empty"),
        (String(repeating: "[", count: 100_000), "nested more than"),
    ])
    func badConfigs(config: String, expected: String) throws {
        let text = message(try folder("clip", ["tokenizer_config.json": config]))
        #expect(text.contains(expected) && text.contains("/"), "\(text)")
    }

    @Test(arguments: [
        ("vocab.json", "[1]", "expected an object"),
        ("vocab.json", #"{"a":0,"a":1}"#, "twice"),
        ("vocab.json", #"{"a":0,"b":0}"#, "have the same id 0"),
        ("vocab.json", #"{"a":-1}"#, "the token “a” has no id"),
        ("vocab.json", #"{"a":99999999999}"#, "the token “a” has no id"),
        ("vocab.json", #"{"a":"0"}"#, "the token “a” has no id"),
        ("vocab.json", #"{"a":0}"#, "which the vocabulary does not have"),
        ("vocab.json", #"{"a":0"#, "not valid JSON"),
        ("merges.txt", "#version: 0.2\na\n", "line 2 is not a pair"),
        ("merges.txt", "a p p\n", "line 1 is not a pair"),
        ("merges.txt", "a ☃\n", "speaks of “☃”"),
        ("merges.txt", "a n\na n\n", "line 2 repeats the merge"),
        ("merges.txt", "", "the file is empty"),
    ])
    func badVocabularies(file: String, content: String, expected: String) throws {
        let text = message(try folder("clip", [file: content]))
        #expect(text.contains(expected) && text.contains(file.prefix(5)), "\(text)")
    }

    @Test func missingParts() throws {
        #expect(message(try folder(nil)).contains("no tokenizer here"))
        #expect(message(try folder("clip", without: "merges.txt")).contains("merges.txt: No such file"))
        #expect(message(try folder("t5", without: "spiece.model")).contains("no tokenizer here"))
        #expect(throws: TokenizerError.self) { try TokenizerLoader.load(folder: "/nowhere") }
        let blocked = try folder("t5", without: "spiece.model")
        try FileManager.default.createDirectory(
            atPath: blocked.file("spiece.model"), withIntermediateDirectories: true)
        #expect(message(blocked).contains("not an ordinary file"))
    }

    @Test(arguments: ["", "x", "not a model at all", "\u{0}\u{0}\u{0}", "{\"a\": 1}"])
    func brokenSentencePieceModels(content: String) throws {
        let text = message(try folder("t5", ["spiece.model": content]))
        #expect(text.contains("spiece.model: "), "\(text)")
    }

    /// Found by damaging files at random: what a file calls its tokens came to the terminal as it was.
    @Test func messagesDriveNoTerminal() throws {
        func piece(_ text: String, type: UInt8) -> [UInt8] {
            let fields = [0x0A, UInt8(text.utf8.count)] + Array(text.utf8) + [0x18, type]
            return [0x0A, UInt8(fields.count)] + fields
        }
        let twice = try folder("t5")
        try twice.write(piece("<unk>", type: 2) + piece("a\n", type: 1) + piece("a\n", type: 1), to: "spiece.model")
        let vocabulary = try folder("clip", ["vocab.json": #"{"\u001b[2J":-1}"#])
        let token = try folder("clip", ["tokenizer_config.json": #"{"pad_token":"<\u2028\u202e>"}"#])
        for (folder, words) in [(twice, "spiece.model: "), (vocabulary, "u{1b}[2J"), (token, "<\\u{2028}\\u{202e}>")] {
            let text = message(folder)
            #expect(text.contains(words), "\(text)")
            #expect(
                text.unicodeScalars.allSatisfy {
                    ![.control, .format, .lineSeparator].contains($0.properties.generalCategory)
                }, "\(text.debugDescription)")
        }
    }

    @Test func damagedSentencePieceModelsNeverCrash() throws {
        let model = try [UInt8](contents("t5/spiece.model"))
        let folder = try folder("t5")
        var random = SystemRandomNumberGenerator()
        for round in 0..<200 {
            var damaged = round % 4 == 0 ? Array(model.prefix(Int.random(in: 1..<model.count))) : model
            for _ in 0..<(round % 20) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            try folder.write(damaged, to: "spiece.model")
            let tokenizer = try? TokenizerLoader.load(folder: folder.path)
            _ = try tokenizer?.encode("Äpple É 红色 ①")
        }
    }

    @Test func tokenizerJSONOfAnotherKindIsNamed() throws {
        let other = try folder(nil, ["tokenizer.json": #"{"model":{"type":"WordPiece","vocab":{}}}"#])
        #expect(message(other).contains("model of type WordPiece is not supported"))
        let empty = try folder("clip", ["tokenizer.json": "{}"])
        #expect(message(empty).contains("no model with vocab and merges"))
        let unigram = try folder("t5-json", ["tokenizer.json": #"{"model":{"vocab":[["a",1],["b"]]}}"#])
        #expect(message(unigram).contains("entry 1 of the vocab"))
    }
}
