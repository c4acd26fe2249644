import Foundation
import TestSupport
import Testing

/// Examples are compiled along with the tests. The documentation's articles quote them.
@Suite struct ExamplesTests {
    @Test(arguments: ["FirstPicture", "ProgressAndCancelling", "Records"])
    func articlesQuoteTheirExample(_ name: String) throws {
        let article = try text("Sources/Limn/Limn.docc/\(name).md")
        let example = try text("Examples/\(name)/main.swift")
        let blocks = article.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(!blocks.isEmpty)
        for block in blocks { #expect(example.contains(block), "\(block)") }
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: Fixtures.repository + "/" + path, encoding: .utf8)
    }
}
