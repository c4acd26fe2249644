import TestSupport
import Testing

@testable import Tokenizers

/// CLIP's vocabulary, which comes with Limn for checkpoints in single files.
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
        let folder = Fixtures.path("../../weights/clip-tokenizer")
        let tokens = try TokenizerLoader.load(folder: folder, maximumLength: 77).encode(text)
        #expect(Array(tokens.ids.prefix(tokens.tokenCount)) == ids)
        #expect(tokens.ids.count == 77)
    }
}
