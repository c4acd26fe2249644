import Foundation
import TestSupport
import Testing

/// The scripts that made the fixtures, and what their README says of them.
@Suite struct FixtureScriptsTests {
    private static let folder = Fixtures.repository + "/Tools/reference"

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: URL(fileURLWithPath: folder + "/" + name), encoding: .utf8)
    }

    /// Rows of the README's table: the scripts of a row, and whether they write anything.
    private static func rows() throws -> [(names: [String], areHelpers: Bool)] {
        try text("README.md").split(separator: "\n").compactMap { line in
            guard line.hasPrefix("| `") else { return nil }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count >= 4 else { return nil }
            let names = cells[1].split(separator: "`").map(String.init).filter { $0.hasSuffix(".py") }
            return (names, cells[2].allSatisfy { $0 == " " })
        }
    }

    /// The names in a script's NEEDS; nil for a helper, which has none.
    private static func needs(of script: String) throws -> [String]? {
        let text = try text(script)
        guard let start = text.range(of: "\nNEEDS = ["),
            let end = text.range(of: "]", range: start.upperBound..<text.endIndex)
        else { return nil }
        return text[start.upperBound..<end.lowerBound].split(separator: "\"")
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty && $0 != "," }
    }

    @Test func theTableNamesEveryScriptOfTheFolder() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".py") }
        let rows = try Self.rows()
        let named = rows.flatMap(\.names)
        #expect(files.count > 30)
        #expect(named.sorted() == files.sorted())
        // Only what says what it needs is run by make_fixtures.py.
        for row in rows {
            for name in row.names {
                #expect((try Self.needs(of: name) == nil) == row.areHelpers, "\(name)")
            }
        }
    }

    @Test func everyNeedIsPinned() throws {
        let pinned = try Self.text("requirements.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }
        let packages = Set(pinned.map { String($0.prefix { $0 != "=" }) })
        #expect(pinned.allSatisfy { $0.contains("==") })
        let known = try Self.text("needs.py")
        for name in try Self.rows().flatMap(\.names) {
            for need in try Self.needs(of: name) ?? [] where !need.hasPrefix("debian:") {
                #expect(packages.contains(need) || known.contains("\"\(need)\": Files("), "\(name) needs \(need)")
            }
        }
    }
}
