import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// The tokenizers that come with Limn: CLIP's vocabulary, for checkpoints in single files, and the default model's.
@Suite struct ShippedVocabularyTests {
    /// Ids as transformers 5.23 gives them with the same files.
    @Test(arguments: [
        (
            "a photograph of an astronaut riding a horse",
            [49406, 320, 8853, 539, 550, 18376, 6765, 320, 4558, 49407]
        ),
        (
            "Ünïcødé 猫 🐈, it's 4k!",
            [
                49406, 6522, 77, 35689, 66, 17483, 67, 4166, 163, 234, 360, 2074, 230, 267, 585, 568, 275, 330, 256,
                49407,
            ]
        ),
        (
            "  (masterpiece:1.2), BEST quality  ",
            [49406, 263, 12066, 281, 272, 269, 273, 2361, 949, 3027, 49407]
        ),
    ])
    func textsAreReadAsCLIPDoes(_ text: String, _ ids: [Int]) throws {
        let folder = Fixtures.repository + "/tokenizer/clip"
        let tokens = try TokenizerLoader.load(folder: folder, maximumLength: 77).encode(text)
        #expect(Array(tokens.ids.prefix(tokens.tokenCount)) == ids)
        #expect(tokens.ids.count == 77)
    }

    /// A model's folder is complete by itself, so that other programs load it; `tokenizer` holds a copy.
    @Test func theDefaultModelHasTheTokenizerThatComesWithLimn() throws {
        let manager = FileManager.default
        let own = Fixtures.repository + "/tokenizer/icons-128"
        let model = Fixtures.repository + "/weights/icons-128/tokenizer"
        let names = try manager.contentsOfDirectory(atPath: model)
        #expect(Set(try manager.contentsOfDirectory(atPath: own)) == Set(names + ["README.md"]))
        for name in names {
            #expect(manager.contentsEqual(atPath: "\(own)/\(name)", andPath: "\(model)/\(name)"), "\(name)")
        }
        #expect(try TokenizerLoader.load(folder: own).vocabularySize == 10000)
    }
}
