import Checkpoints
import TestSupport
import Testing

struct ShardedTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            [
                OutputTensor(name: "a", shape: [2], values: [1, 2]),
                OutputTensor(name: "b", shape: [1], values: [3]),
            ], to: folder.file("one.safetensors"))
        try SafetensorsWriter.write(
            [OutputTensor(name: "c", dtype: .i32, shape: [1], bytes: [5, 0, 0, 0])],
            to: folder.file("two.safetensors"))
    }

    private func open(_ index: String) throws -> ShardedTensors {
        try ShardedTensors(indexPath: folder.write(Array(index.utf8), to: "m.safetensors.index.json"))
    }

    private func refused(
        _ index: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for word in words {
            expectError(word, sourceLocation: sourceLocation) { _ = try open(index) }
        }
    }

    private static let complete =
        #"{"metadata":{"total_size":16},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}}"#

    @Test func readsAcrossShards() throws {
        let tensors = try open(Self.complete)
        #expect(tensors.tensors.keys.sorted() == ["a", "b", "c"])
        #expect(try tensors.float32("a") == [1, 2])
        #expect(try tensors.integers("c") == [5])
        expectError("index.json", "tensor \"d\"", "missing") { _ = try tensors.float32("d") }
    }

    @Test func indexAndShardsMustAgree() {
        let swapped = Self.complete.replacing(#""a":"one"#, with: #""a":"two"#)
        refused(
            swapped, "m.safetensors.index.json: tensor \"a\"",
            "it is in \"two.safetensors\", but it is not there")
        let short = #"{"weight_map":{"a":"one.safetensors","c":"two.safetensors"}}"#
        refused(short, "\"one.safetensors\" also holds \"b\"")
        refused(Self.complete.replacing("two.s", with: "three.s"), "three.safetensors", "no such file")
    }

    @Test func shardsStayInTheFolder() {
        for name in ["../x", "/etc/passwd", "sub/one.safetensors", "..", ".", "", "a\\u0000b"] {
            refused(#"{"weight_map":{"a":"\#(name)"}}"#, "tensor \"a\"", "not a plain name")
        }
    }

    @Test func brokenIndex() {
        refused("", "index is not valid JSON")
        refused("[]", "the index, a JSON object")
        refused("{}", "no \"weight_map\"")
        refused(#"{"weight_map":{}}"#, "lists no tensors")
        refused(#"{"weight_map":[]}"#, "\"weight_map\", a JSON object")
        refused(#"{"weight_map":{"a":1}}"#, "a file name in \"weight_map\"")
        refused(#"{"weight_map":{"a":"x","a":"y"}}"#, "\"a\" twice")
        refused(#"{"weight_map":{"a":"x"},"weight_map":{}}"#, "\"weight_map\" twice")
        refused(#"{"weight_map":{"a":"one.safetensors"}} x"#, "white space")
    }
}

struct OpenTensorsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, value: Float) throws {
        try SafetensorsWriter.write(
            [OutputTensor(name: "a", shape: [1], values: [value])], to: folder.file(name))
    }

    @Test func takesTheFirstThatExists() throws {
        try write("model.fp16-00001-of-00001.safetensors", value: 4)
        let index = #"{"weight_map":{"a":"model.fp16-00001-of-00001.safetensors"}}"#
        try folder.write(Array(index.utf8), to: "model.fp16.safetensors.index.json")
        #expect(try openTensors(folder: folder.path, base: "model").float32("a") == [4])
        try write("model.fp16.safetensors", value: 3)
        #expect(try openTensors(folder: folder.path, base: "model").float32("a") == [3])
        try write("model-00001-of-00001.safetensors", value: 2)
        try folder.write(
            Array(#"{"weight_map":{"a":"model-00001-of-00001.safetensors"}}"#.utf8),
            to: "model.safetensors.index.json")
        #expect(try openTensors(folder: folder.path + "/", base: "model").float32("a") == [2])
        try write("model.safetensors", value: 1)
        let tensors = try openTensors(folder: folder.path, base: "model")
        #expect(try tensors.float32("a") == [1])
        #expect(tensors.path == folder.file("model.safetensors"))
    }

    @Test func saysWhatWasLookedFor() throws {
        func refused(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
            for word in words {
                expectError(word, sourceLocation: sourceLocation) {
                    _ = try openTensors(folder: folder.path, base: "model")
                }
            }
        }
        refused("model.safetensors, model.safetensors.index.json, model.fp16.safetensors")
        try folder.write([], to: "flax_model.msgpack")
        refused(
            "There is \"flax_model.msgpack\", but a model's folder has its weights under one of", "pytorch_model.bin")
        expectError("cannot open the folder", "no such") {
            _ = try openTensors(folder: folder.file("none"), base: "model")
        }
        expectError("cannot open the folder") {
            _ = try openTensors(folder: folder.file("flax_model.msgpack"), base: "model")
        }
    }
}

/// What a file is decides its content, whatever its name.
struct OpenFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refused(_ bytes: [UInt8], _ words: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let path = try folder.write(bytes, to: "weights.ckpt")
        expectError("weights.ckpt: ", words, sourceLocation: sourceLocation) { _ = try openTensors(file: path) }
    }

    @Test func safetensorsByAnyName() throws {
        let path = folder.file("weights.ckpt")
        try SafetensorsWriter.write([OutputTensor(name: "a", shape: [1], values: [5])], to: path)
        #expect(try openTensors(file: path).float32("a") == [5])
        try folder.write(Array(#"{"weight_map":{"a":"weights.ckpt"}}"#.utf8), to: "index")
        #expect(try openTensors(file: folder.file("index")).float32("a") == [5])
    }

    @Test func indexOfAnIndex() throws {
        let index = try folder.write(Array(#"{"weight_map":{"a":"index.json"}}"#.utf8), to: "index.json")
        expectError("index.json", "weights were expected") { _ = try openTensors(file: index) }
    }

    @Test func otherFilesAreNamed() throws {
        try refused([], "the file is empty")
        try refused(Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\n".utf8), "git lfs pull")
        try refused(Array("<!DOCTYPE html>".utf8), "this is a web page")
        try refused(Array("tjgg\u{3}\0\0\0".utf8), "from before GGUF")
        try refused([0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10], "HDF5")
        try refused(Array("what is this?".utf8), "no file of weights that limn knows")
        expectError("no such file") { _ = try openTensors(file: folder.file("none")) }
        expectError("it is a folder") { _ = try openTensors(file: folder.path) }
    }
}
