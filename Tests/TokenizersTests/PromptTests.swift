import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What happens to prompts: padding, truncation, the words that fall off, and texts out of the ordinary.
@Suite struct PromptTests {
    let clip: any Tokenizer
    let icons: any Tokenizer

    init() throws {
        clip = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/clip"))
        icons = try TokenizerLoader.load(folder: Fixtures.path("tokenizers/t5-icons"))
    }

    @Test func emptyPromptsAreSpecialTokensAndPadding() throws {
        let start = clip.vocabularySize - 2
        let end = clip.vocabularySize - 1
        #expect(try clip.encode("").ids == [start] + Array(repeating: end, count: 76))
        #expect(try clip.encode("").tokenCount == 2)
        #expect(try icons.encode("  \n ").ids == [1] + Array(repeating: 0, count: 31))
        #expect(try icons.encode("").tokenCount == 1)
    }

    @Test func whatFallsOffIsQuoted() throws {
        // 73 words of one token each leave room for two more.
        let prompt = try clip.encode(String(repeating: "1 ", count: 73) + "apple, and a Blue house 😀!")
        #expect(prompt.ids.count == 77)
        #expect(prompt.ids.last == clip.vocabularySize - 1)
        #expect(prompt.dropped == "and a blue house 😀!")

        let words = try icons.encode(String(repeating: "red ", count: 30) + "apple Blue house 鬱")
        #expect(words.tokenCount == 32)
        #expect(words.dropped == "blue house 鬱")
    }

    @Test func aPromptThatJustFitsLosesNothing() throws {
        #expect(try icons.encode(String(repeating: "red ", count: 31)).dropped == nil)
        #expect(try icons.encode(String(repeating: "red ", count: 32)).dropped == "red")
        #expect(try clip.encode(String(repeating: "1 ", count: 75)).dropped == nil)
        #expect(try clip.encode(String(repeating: "1 ", count: 76)).dropped == "1")
    }

    @Test func zeroBytesDoNotEndTheText() throws {
        #expect(try icons.pieces("a\0b").count > icons.pieces("a").count)
        #expect(try clip.pieces("a\0b").map(\.piece).suffix(2).first == "b</w>")
    }

    @Test func unknownCharactersStandForThemselves() throws {
        let pieces = try icons.pieces("red 鬱")
        #expect(pieces.contains { $0.piece == "鬱" && $0.id == 2 })
    }

    @Test(arguments: ["a", "!", "é", "鬱", "\u{301}\u{323}", "🇩", "👩\u{200d}", "</s>", "ab ", "\0"])
    func aMegabyteTakesNoMoreThanSeconds(unit: String) throws {
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        let clock = ContinuousClock()
        for tokenizer in [clip, icons] {
            var ids: [Int] = []
            let time = try clock.measure { ids = try tokenizer.encode(text).ids }
            #expect(ids.count == tokenizer.maximumLength)
            // Measured: under a second. Quadratic ways took minutes.
            #expect(time < .seconds(20))
        }
    }

    @Test func textsBeyondTheLimitAreRefused() {
        let text = String(repeating: "a", count: TextLimit.bytes + 1)
        #expect(throws: TokenizerError.textTooLong(bytes: text.utf8.count, limit: TextLimit.bytes)) {
            try clip.encode(text)
        }
        #expect(throws: TokenizerError.self) { try icons.pieces(text) }
    }
}
