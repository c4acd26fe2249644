import Testing

@testable import Tokenizers

/// The pieces of which tokenizers are made.
@Suite struct PartsTests {
    @Test func theEarliestMergeGoesFirst() {
        // 1 2 → 5 was learnt before 0 1 → 4.
        var merges = BytePairEncoding()
        _ = merges.learn(left: 1, right: 2, result: 5)
        _ = merges.learn(left: 0, right: 1, result: 4)
        _ = merges.learn(left: 0, right: 5, result: 6)
        let isNew = merges.learn(left: 0, right: 1, result: 4)
        #expect(!isNew)
        #expect(merges.encode([0, 1, 2]) == [6])
        #expect(merges.encode([0, 1, 0, 1, 2, 2]) == [4, 6, 2])
        #expect(merges.encode([]) == [])
    }

    @Test func equalPairsMergeFromTheLeft() {
        var merges = BytePairEncoding()
        _ = merges.learn(left: 0, right: 0, result: 1)
        #expect(merges.encode([0, 0, 0]) == [1, 0])
        #expect(merges.encode([0, 0, 0, 0]) == [1, 1])
    }

    @Test func prefixesComeShortestFirst() {
        let table = PrefixTable(["a", "abc", "ab", "b", "", "abd", "a"].map { Array($0.utf8) })
        var found: [Int] = []
        table.forEachPrefix(of: Array("xabdz".utf8), from: 1) { index, _ in found.append(index) }
        #expect(found == [6, 2, 5])
        #expect(table.index(of: Array("abc".utf8)) == 1)
        #expect(table.index(of: Array("abcd".utf8)) == nil)
        #expect(table.longestPrefix(of: Array("c".utf8), from: 0) == nil)
    }

    @Test func unknownCharactersSideBySideAreOneToken() {
        let model = UnigramModel([("a", -1), ("b", -1), ("?", 0), ("ab", -1.5)], unknown: 2)
        #expect(model.encode("abxya").map(\.id) == [3, 2, 0])
        #expect(model.encode("abxya").map(\.piece) == ["ab", "xy", "a"])
    }

    @Test func clipWords() {
        let text = CLIPSplitter.normalize("It's 42\u{a0}\t 'TIS e\u{301}A\u{308}!?<|endoftext|>")
        #expect(text == "it's 42 'tis éä!?<|endoftext|>")
        #expect(
            CLIPSplitter.words(text[...]) == [
                "it", "'s", "4", "2", "'t", "is", "éä", "!?<|", "endoftext", "|>",
            ])
    }

    @Test func canonicalOrderInLongRuns() {
        let marks = String(repeating: "\u{301}\u{323}", count: 40)
        let composed = Composition.compose(("x" + marks)[...])
        #expect(
            composed == ["x"] + Array(repeating: "\u{323}", count: 40)
                + Array(repeating: "\u{301}", count: 40))
        // A mark of Unicode 14 stays where it is.
        #expect(Composition.compose("x\u{1ACD}\u{323}") == ["x", "\u{1ACD}", "\u{323}"])
    }

    @Test func addedTokensTakeTheLongestAndTheirSpaces() {
        var stripping = AddedToken("<m>")
        stripping.lstrip = true
        stripping.rstrip = true
        var whole = AddedToken("sea")
        whole.singleWord = true
        let tokens = AddedTokens([(AddedToken("<a"), 1), (AddedToken("<a>"), 2), (stripping, 3), (whole, 4)]) {
            String($0)
        }
        let parts = tokens.split("x<a><a y  <m>  z sea seaside") { String($0) }
        #expect(
            parts == [
                .text("x"), .token(Token(id: 2, piece: "<a>")), .token(Token(id: 1, piece: "<a")),
                .text(" y"),
                .token(Token(id: 3, piece: "<m>")), .text("z "), .token(Token(id: 4, piece: "sea")),
                .text(" seaside"),
            ])
    }

    @Test func base64() {
        #expect(Base64.decode("AP8Q") == [0, 255, 16])
        #expect(Base64.decode("AP8=") == [0, 255])
        #expect(Base64.decode("A*") == nil)
    }
}
