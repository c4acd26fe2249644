import Checkpoints
import Foundation
import TestSupport
import Testing

/// What is at the path is not a file that can be read: always an error, never a hang.
struct FileErrorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refused(_ path: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
        expectError(words, sourceLocation: sourceLocation) { _ = try SafetensorsFile(path: path) }
        expectError(words, sourceLocation: sourceLocation) { _ = try ShardedTensors(indexPath: path) }
    }

    @Test func missing() throws {
        refused(folder.file("nothing"), "nothing: cannot open the file: there is no such file")
        refused("", "there is no such file")
        refused(try folder.write([1], to: "plain") + "/below", "not a folder")
        refused(folder.file(String(repeating: "n", count: 300)), "too long")
        refused(folder.file("a\0b"), "NUL")
    }

    @Test func folderInsteadOfFile() { refused(folder.path, "it is a folder, not a file") }

    @Test func loopOfLinks() throws {
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder.file("one"), withDestinationPath: "two")
        try files.createSymbolicLink(atPath: folder.file("two"), withDestinationPath: "one")
        refused(folder.file("one"), "symbolic links go round in a circle")
    }

    @Test(.timeLimit(.minutes(10))) func pipeDoesNotHang() {
        #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
        refused(folder.file("pipe"), "pipe, socket or device")
        refused("/dev/null", "pipe, socket or device")
    }

    @Test func permission() throws {
        let path = try folder.write(safetensors("{}"), to: "secret")
        #expect(chmod(path, 0) == 0)
        // The superuser may read everything.
        if geteuid() != 0 { refused(path, "permission denied") }
        #expect(
            CheckpointError.system(path, "open the file", code: EACCES).description.contains(
                "permission denied"))
    }

    @Test func missingTensor() throws {
        let file = try SafetensorsFile(path: folder.write(safetensors("{}"), to: "empty.safetensors"))
        expectError("empty.safetensors", "tensor \"x\"", "missing") { _ = try file.float32("x") }
        expectError("tensor \"x\"", "missing") { _ = try file.integers("x") }
        expectError("tensor \"x\"", "missing") { try file.withBytes(of: "x") { _ in } }
    }

    @Test func integersOfFloats() throws {
        let file = try SafetensorsFile(
            path: folder.write(safetensors("{\(entry("a"))}", data: [UInt8](repeating: 0, count: 8)), to: "f")
        )
        expectError("tensor \"a\"", "stored as F32", "integer type was expected") {
            _ = try file.integers("a")
        }
    }
}
