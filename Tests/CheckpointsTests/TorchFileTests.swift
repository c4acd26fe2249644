import Checkpoints
import TestSupport
import Testing

/// Checkpoints that torch.save itself wrote, in all forms that it has had (Tools/reference/torch_files.py).
struct TorchFileTests {
    private let expected: SafetensorsFile

    init() throws { expected = try SafetensorsFile(path: Self.path("expected.safetensors")) }

    private static func path(_ name: String) -> String { Fixtures.path("Checkpoints/torch/" + name) }

    private static let zips = ["zip-2.bin", "zip-3.bin", "zip-4.bin", "zip-5.bin", "zip64.bin", "lightning.ckpt"]
    private static let streams = ["stream-1.ckpt", "stream-2.ckpt", "stream-4.ckpt"]

    /// Bit for bit, dtypes and shapes too.
    private func expectSame(_ file: any TensorSource, as expected: any TensorSource, but missing: Set<String> = [])
        throws
    {
        #expect(Set(file.tensors.keys) == Set(expected.tensors.keys).subtracting(missing))
        for (name, info) in file.tensors {
            #expect(info == expected.tensors[name])
            let bytes = try expected.withBytes(of: name) { Array($0) }
            #expect(try file.withBytes(of: name) { Array($0) } == bytes, "\(name)")
            let stored = try file.stored(name)
            #expect(stored.count == info.elementCount)
            let floats = try expected.float32(name)
            if stored.format == .float32 {
                let values = (0..<stored.count).map {
                    stored.address.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self).bitPattern
                }
                #expect(values == floats.map(\.bitPattern) || floats.contains(where: \.isNaN))
            }
        }
    }

    @Test(arguments: zips) func zip(name: String) throws {
        try expectSame(openTensors(file: Self.path(name)), as: expected)
    }

    @Test(arguments: streams) func stream(name: String) throws {
        try expectSame(openTensors(file: Self.path(name)), as: expected, but: ["f8.e4m3", "f8.e5m2"])
    }

    @Test func tar() throws {
        try expectSame(
            openTensors(file: Self.path("tar.pt")), as: expected, but: ["f8.e4m3", "f8.e5m2", "model.empty"])
    }

    @Test func numbersBesideTheWeights() throws {
        for name in ["lightning.ckpt", "stream-2.ckpt"] {
            let file = try TorchFile(path: Self.path(name))
            #expect(
                file.notes == ["epoch": "3", "global_step": "470000", "pytorch-lightning_version": "1.4.2"])
        }
    }

    @Test(arguments: ["lightning.ckpt", "stream-2.ckpt", "tar.pt"])
    func weightsInOrderAreUsedInPlace(name: String) throws {
        let file = try TorchFile(path: Self.path(name))
        for name in ["model.f32.weight", "model.f16.weight", "shared.piece", "parameter"] {
            #expect(try file.stored(name).isMapped, "\(name)")
        }
        for name in ["strided.transposed", "strided.permuted"] { #expect(!(try file.stored(name).isMapped), "\(name)") }
        // Two names of the same values, and a piece of them.
        let whole = try file.stored("shared.whole").address
        #expect(try file.stored("shared.again").address == whole)
        #expect(try file.stored("shared.piece").address == whole + 40)
    }

    @Test func embeddings() throws {
        let file = try TorchFile(path: Self.path("embedding.pt"))
        #expect(Set(file.tensors.keys) == ["string_to_token.*", "string_to_param.*"])
        #expect(file.notes == ["name": "a-style", "step": "500"])
        #expect(try file.integers("string_to_token.*") == [265])
        let words = try SafetensorsFile(path: Self.path("embedding.safetensors"))
        #expect(try file.float32("string_to_param.*") == words.float32("*"))
        #expect(file.tensors["string_to_param.*"]?.shape == [2, 8])
    }

    @Test func wholeModulesAreRefusedByName() {
        expectError("module.pt", "asks for \"torch.nn.modules.linear.Linear\"", "Nothing in the file was run") {
            _ = try openTensors(file: Self.path("module.pt"))
        }
    }

    @Test func shardsMayBePickles() throws {
        let folder = try TemporaryFolder()
        try folder.write(Fixtures.bytes("Checkpoints/torch/embedding.pt"), to: "pytorch_model-00001.bin")
        let index =
            #"{"weight_map":{"string_to_token.*":"pytorch_model-00001.bin","string_to_param.*":"pytorch_model-00001.bin"}}"#
        try folder.write(Array(index.utf8), to: "pytorch_model.bin.index.json")
        #expect(try openTensors(folder: folder.path, base: "model").tensors.count == 2)
        try folder.write(Fixtures.bytes("Checkpoints/torch/zip-2.bin"), to: "pytorch_model.fp16.bin")
        // An index goes before a variant, and a single file before an index.
        #expect(try openTensors(folder: folder.path, base: "model").tensors.count == 2)
        try folder.write(Fixtures.bytes("Checkpoints/torch/zip-4.bin"), to: "pytorch_model.bin")
        #expect(try openTensors(folder: folder.path, base: "model").tensors.count == expected.tensors.count)
    }

    @Test(arguments: ["zip-4.bin", "zip64.bin", "stream-2.ckpt", "tar.pt", "embedding.pt"])
    func everyTruncationIsRefused(name: String) throws {
        let whole = try Fixtures.bytes("Checkpoints/torch/" + name)
        let folder = try TemporaryFolder()
        // The tar form is filled up to 10,240 bytes.
        let end = name == "tar.pt" ? whole.lastIndex { $0 != 0 } ?? 0 : whole.count
        for count in 0..<end {
            let path = try folder.write(whole.prefix(count), to: "short.ckpt")
            expectError("short.ckpt: ") { _ = try openTensors(file: path) }
        }
    }
}
