import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// A text and what transformers makes of it.
struct ReferenceCase: Decodable {
    let text: String
    /// With special tokens, untruncated.
    let ids: [Int]
    /// Cut and padded to the tokenizer's length.
    let padded: [Int]?
}

/// A folder's small files (by name, as JSON) and the texts encoded with them.
struct ReferenceVariant {
    let name: String
    let files: [String: Data]
    let cases: [ReferenceCase]

    static func all(_ file: String) throws -> [ReferenceVariant] {
        let list = try #require(JSONSerialization.jsonObject(with: contents(file)) as? [[String: Any]])
        return try list.map { variant in
            let files = try #require(variant["files"] as? [String: Any])
            return ReferenceVariant(
                name: variant["name"] as? String ?? "",
                files: try files.mapValues { try JSONSerialization.data(withJSONObject: $0) },
                cases: try JSONDecoder().decode(
                    [ReferenceCase].self, from: JSONSerialization.data(withJSONObject: variant["cases"] ?? [])
                ))
        }
    }
}

func contents(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("tokenizers/" + name)))
}

func compare(_ tokenizer: any Tokenizer, _ cases: [ReferenceCase], _ name: String) throws {
    #expect(cases.count > 50)
    for reference in cases {
        let pieces = try tokenizer.pieces(reference.text)
        #expect(
            pieces.map(\.id) == reference.ids,
            "\(name): \(reference.text.debugDescription), \(pieces.map(\.piece))")
        let prompt = try tokenizer.encode(reference.text)
        #expect(prompt.ids.count == tokenizer.maximumLength)
        #expect(prompt.tokenCount == min(reference.ids.count, tokenizer.maximumLength))
        #expect((prompt.dropped == nil) == (reference.ids.count <= tokenizer.maximumLength))
        if let padded = reference.padded {
            #expect(prompt.ids == padded, "\(name): \(reference.text.debugDescription)")
        }
        #expect(prompt.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
    }
}

@Suite struct ReferenceTests {
    @Test(arguments: [
        ("t5", "t5-cases.json"), ("t5-json", "t5-cases.json"), ("xlmr", "xlmr-cases.json"),
        ("t5-lower", "t5-lower-cases.json"), ("t5-icons", "t5-icons-cases.json"),
    ])
    func sentencePieceAsInTransformers(folder: String, cases: String) throws {
        let tokenizer = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/" + folder))
        try compare(tokenizer, JSONDecoder().decode([ReferenceCase].self, from: contents(cases)), folder)
    }

    @Test func theDefaultModelAsInTransformers() throws {
        let tokenizer = try TokenizerLoader.load(folder: Fixtures.repository + "/weights/icons-128/tokenizer")
        #expect(tokenizer.maximumLength == 40)
        #expect(tokenizer.vocabularySize == 10000)
        try compare(
            tokenizer, JSONDecoder().decode([ReferenceCase].self, from: contents("t5-default-cases.json")),
            "default")
    }

    @Test func clipAsInTransformers() throws {
        let variants = try ReferenceVariant.all("clip-cases.json")
        #expect(variants.count == 5)
        for variant in variants {
            let folder = try TemporaryFolder()
            for file in ["vocab.json", "merges.txt"] { try folder.write(contents("clip/" + file), to: file) }
            for (file, data) in variant.files { try folder.write(data, to: file) }
            try compare(TokenizerLoader.load(folder: folder.path), variant.cases, variant.name)
        }
    }

    @Test func clipFromTokenizerJSON() throws {
        let variant = try #require(
            ReferenceVariant.all("clip-cases.json").first { $0.name == "padded with !" })
        let tokenizer = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/clip-json"))
        try compare(tokenizer, variant.cases, "tokenizer.json")
    }
}
