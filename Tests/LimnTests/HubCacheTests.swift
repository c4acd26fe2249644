import Foundation
import TestSupport
import Testing

@testable import Limn

/// The folder in which a hub's client keeps a model, as it is: versions of links under `snapshots/`.
struct HubCacheTests {
    private let folder: TemporaryFolder
    private let root: String

    init() throws {
        folder = try TemporaryFolder()
        root = folder.file("models--acme--tiny-model")
        for part in ["blobs", "refs", "snapshots"] {
            try FileManager.default.createDirectory(
                atPath: root + "/" + part, withIntermediateDirectories: true)
        }
    }

    private func add(_ version: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: root + "/snapshots/" + version, withDestinationPath: Fixtures.path("pipeline-a"))
    }

    @Test func theNewestVersionIsTaken() async throws {
        try add("0123")
        try add("4567")
        try Data("4567\n".utf8).write(to: URL(fileURLWithPath: root + "/refs/main"))
        #expect(try HubCache.snapshot(root) == root + "/snapshots/4567")
        let model = try await Model.load(from: root)
        #expect(model.name == "tiny-model")
        #expect(try Inspection(of: root).isLoadable)
        #expect(try Conversion(from: root, to: folder.file("copy")).run().tensors > 100)
    }

    @Test func theOnlyVersionIsTaken() throws {
        try add("0123")
        #expect(try HubCache.snapshot(root) == root + "/snapshots/0123")
        // A mark that names what is not there is none.
        try Data("../../elsewhere".utf8).write(to: URL(fileURLWithPath: root + "/refs/main"))
        #expect(try HubCache.snapshot(root) == root + "/snapshots/0123")
    }

    @Test func severalAreListedAndNoneIsAnError() async throws {
        #expect(await message { _ = try HubCache.snapshot(root) }?.contains("no version") == true)
        try add("0123")
        try add("4567")
        let text = await message { _ = try await Model.load(from: root) } ?? ""
        #expect(text.contains("2 versions") && text.contains("snapshots/0123, ") && text.contains("snapshots/4567"))
    }

    @Test func otherFoldersAreThemselves() throws {
        for path in [Fixtures.path("pipeline-a"), folder.path, folder.file("nowhere")] {
            #expect(try HubCache.snapshot(path) == path)
        }
    }
}
