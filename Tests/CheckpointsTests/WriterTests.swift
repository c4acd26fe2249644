import Checkpoints
import Foundation
import TestSupport
import Testing

struct WriterTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func roundTripOfEveryDType() throws {
        var tensors: [OutputTensor] = []
        for (index, dtype) in DType.allCases.enumerated() {
            let bytes = (0..<6 * dtype.byteSize).map { UInt8(truncatingIfNeeded: $0 * 37 + index) }
            tensors.append(
                OutputTensor(name: "t.\(dtype.rawValue)", dtype: dtype, shape: [2, 3], bytes: bytes))
        }
        tensors.append(OutputTensor(name: "floats", shape: [3], values: [1, -2.5, .infinity]))
        tensors.append(OutputTensor(name: "scalar", shape: [], values: [7]))
        tensors.append(OutputTensor(name: "empty", dtype: .i64, shape: [0, 5], bytes: []))
        tensors.append(OutputTensor(name: "odd \"name\"\\\n\u{1}é🍎", dtype: .u8, shape: [1], bytes: [3]))
        let notes = ["format": "pt", "quote \"": "line\nbreak\u{0} 漢字"]
        try SafetensorsWriter.write(tensors, metadata: notes, to: folder.file("out.safetensors"))

        let file = try SafetensorsFile(path: folder.file("out.safetensors"))
        #expect(file.metadata == notes)
        #expect(Set(file.tensors.keys) == Set(tensors.map(\.name)))
        for tensor in tensors.prefix(DType.allCases.count) {
            let expected = (0..<6 * tensor.dtype.byteSize).map {
                UInt8(truncatingIfNeeded: $0 * 37 + (DType.allCases.firstIndex(of: tensor.dtype) ?? 0))
            }
            #expect(try file.withBytes(of: tensor.name) { Array($0) } == expected)
            #expect(file.tensors[tensor.name]?.dtype == tensor.dtype)
            #expect(file.tensors[tensor.name]?.shape == [2, 3])
        }
        #expect(try file.float32("floats") == [1, -2.5, .infinity])
        #expect(try file.float32("scalar") == [7])
        #expect(file.tensors["empty"]?.shape == [0, 5])
        #expect(try files() == ["out.safetensors"])
    }

    @Test func headerIsPaddedAndOrderDoesNotMatter() throws {
        let a = OutputTensor(name: "a", dtype: .u8, shape: [3], bytes: [1, 2, 3])
        let b = OutputTensor(name: "b", shape: [1], values: [1])
        try SafetensorsWriter.write([a, b], to: folder.file("ab"))
        try SafetensorsWriter.write([b, a], to: folder.file("ba"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("ab")))
        #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: folder.file("ba")))))
        let length = Int(bytes[0]) + Int(bytes[1]) << 8
        #expect(length % 8 == 0 && bytes.count == 8 + length + 7)
        #expect(try SafetensorsFile(path: folder.file("ab")).integers("a") == [1, 2, 3])
    }

    @Test func replacesAFileAndKeepsItOnFailure() throws {
        let path = folder.file("same.safetensors")
        try SafetensorsWriter.write([OutputTensor(name: "a", shape: [1], values: [1])], to: path)
        try SafetensorsWriter.write([OutputTensor(name: "a", shape: [1], values: [2])], to: path)
        expectError("another has the same name", "tensor \"a\"") {
            let tensor = OutputTensor(name: "a", shape: [1], values: [3])
            try SafetensorsWriter.write([tensor, tensor], to: path)
        }
        #expect(try SafetensorsFile(path: path).float32("a") == [2])
        #expect(try files() == ["same.safetensors"])
    }

    @Test func contradictions() {
        func refused(
            _ tensor: OutputTensor, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            expectError(words, sourceLocation: sourceLocation) {
                try SafetensorsWriter.write([tensor], to: folder.file("x"))
            }
        }
        refused(
            OutputTensor(name: "a", shape: [2, 2], values: [1]),
            "shape [2, 2] of F32 does not fit its 4 bytes")
        refused(OutputTensor(name: "a", dtype: .i64, shape: [1], bytes: [1]), "does not fit its 1 bytes")
        refused(OutputTensor(name: "a", shape: [-1, -1], values: [1]), "does not fit")
        refused(OutputTensor(name: "a", shape: [1 << 62], values: []), "does not fit")
        refused(OutputTensor(name: "__metadata__", shape: [1], values: [1]), "reserved")
    }

    @Test func placesWhereNothingCanBeWritten() throws {
        let tensor = [OutputTensor(name: "a", shape: [1], values: [1])]
        func refused(_ path: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
            expectError(words, sourceLocation: sourceLocation) {
                try SafetensorsWriter.write(tensor, to: path)
            }
        }
        refused(folder.file("none/x"), "no such file or folder")
        refused(folder.path, "it is a folder")
        refused("/dev/null", "a pipe, socket or device has that name")
        refused(folder.file("a\0b"), "NUL")
        refused(folder.file(String(repeating: "n", count: 300)), "too long")
        #expect(try files() == [])
    }

    /// /dev/full answers every write with "disk full".
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func fullDisk() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let path = folder.file("big.safetensors")
        expectError("big.safetensors", "the disk is full; free some space") {
            try AtomicFile.write(to: path) { sink in
                try withUnsafeBytes(of: 1) { try sink.write($0) }
                let full = FileSink(descriptor: descriptor, path: path)
                try withUnsafeBytes(of: 1) { try full.write($0) }
            }
        }
        #expect(try files() == [])
    }
}
