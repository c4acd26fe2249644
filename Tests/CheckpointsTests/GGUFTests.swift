import Checkpoints
import TestSupport
import Testing

/// A file with every type that is read, against the gguf package (Tools/reference/gguf_files.py).
struct GGUFTests {
    private let file: GGUFFile
    private let expected: SafetensorsFile

    init() throws {
        file = try GGUFFile(path: Fixtures.path("Checkpoints/gguf/types.gguf"))
        expected = try SafetensorsFile(path: Fixtures.path("Checkpoints/gguf/expected.safetensors"))
    }

    @Test func everyType() throws {
        #expect(Set(file.tensors.keys) == Set(expected.tensors.keys))
        #expect(Set(file.tensors.values.compactMap(\.quantization)) == Set(Quantization.allCases))
        for (name, info) in file.tensors {
            #expect(info.shape == expected.tensors[name]?.shape, "\(name)")
            #expect(info.dtype == expected.tensors[name]?.dtype, "\(name)")
            // Bit for bit: each value is one product and one sum, in the same order.
            #expect(try file.float32(name) == expected.float32(name), "\(name)")
            let stored = try file.stored(name)
            #expect(stored.isMapped == (info.quantization == nil && info.dtype != .i32))
            #expect(stored.count == info.elementCount)
        }
        #expect(try file.integers("position_ids") == Array(0..<77))
    }

    @Test func typesAndSizesInTheFile() throws {
        let info = try #require(file.tensors["model.Q4_K.weight"])
        #expect(info.storedType == "Q4_K" && info.byteCount == 3 * 512 * 4 && info.storedByteCount == 6 * 144)
        let plain = try #require(file.tensors["model.f16.weight"])
        #expect(plain.storedType == "F16" && plain.storedByteCount == 70)
    }

    @Test func notes() {
        #expect(file.notes["general.name"] == "åll types" && file.notes["general.architecture"] == "sd1")
        #expect(file.notes["a.number"] == "0.25" && file.notes["a.truth"] == "true")
    }
}

/// GGUF files made by hand, so that each rule can be broken.
private struct GGUFAssembly {
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var noteCount: UInt64?
    var notes: [[UInt8]] = []
    var tensors: [[UInt8]] = []
    var alignment = 32
    var data: [UInt8] = []

    static func string(_ text: String) -> [UInt8] { Pickle.little(UInt64(text.utf8.count)) + Array(text.utf8) }

    static func note(_ key: String, _ type: UInt32, _ value: [UInt8]) -> [UInt8] {
        string(key) + Pickle.little(type) + value
    }

    static func tensor(_ name: String, _ dimensions: [UInt64], _ type: UInt32 = 0, at offset: UInt64 = 0) -> [UInt8] {
        string(name) + Pickle.little(UInt32(dimensions.count)) + dimensions.flatMap { Pickle.little($0) }
            + Pickle.little(type) + Pickle.little(offset)
    }

    var bytes: [UInt8] {
        var bytes = Array("GGUF".utf8) + Pickle.little(version) + Pickle.little(tensorCount ?? UInt64(tensors.count))
        bytes += Pickle.little(noteCount ?? UInt64(notes.count)) + notes.flatMap(\.self) + tensors.flatMap(\.self)
        while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
        return bytes + data
    }
}

struct HostileGGUFTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ change: (inout GGUFAssembly) -> Void) throws -> any TensorSource {
        var file = GGUFAssembly()
        file.tensors = [GGUFAssembly.tensor("a", [2, 3])]
        file.data = (1...6).flatMap { Pickle.little(Float($0).bitPattern) }
        change(&file)
        return try openTensors(file: folder.write(file.bytes, to: "hostile.gguf"))
    }

    private func refused(
        _ words: String, sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout GGUFAssembly) -> Void
    ) {
        expectError("hostile.gguf: ", words, sourceLocation: sourceLocation) { _ = try open(change) }
    }

    @Test func whatIsMadeByHandIsRead() throws {
        let file = try open { _ in }
        #expect(file.tensors["a"]?.shape == [3, 2])
        #expect(try file.float32("a") == [1, 2, 3, 4, 5, 6])
        #expect(try open { $0.version = 2 }.tensors.count == 1)
        let aligned = try open {
            $0.alignment = 128
            $0.notes = [GGUFAssembly.note("general.alignment", 4, Pickle.little(UInt32(128)))]
        }
        #expect(try aligned.float32("a") == [1, 2, 3, 4, 5, 6])
    }

    @Test func versions() {
        refused("version 1, but limn knows 2 and 3") { $0.version = 1 }
        refused("version 4") { $0.version = 4 }
        refused("the highest byte first") { $0.version = UInt32(3).byteSwapped }
    }

    @Test func absurdCounts() {
        refused("tensors, more than it can have") { $0.tensorCount = .max }
        refused("tensors, more than it can have") { $0.tensorCount = 1 << 40 }
        // What is filled up reads as a tensor without a name.
        refused("overlaps") { $0.tensorCount = 2 }
        refused("notes, more than it can have") { $0.noteCount = .max }
        refused("notes, more than it can have") { ($0.tensors, $0.data, $0.noteCount) = ([], [], 1) }
    }

    @Test func notesThatLie() {
        func refused(_ words: String, _ note: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
            self.refused(words, sourceLocation: sourceLocation) { $0.notes = [note] }
        }
        let far = Pickle.little(UInt64.max)
        refused("too many", far)
        refused("unknown type 13", GGUFAssembly.note("k", 13, [0]))
        refused("ends within a note", GGUFAssembly.note("k", 8, far))
        refused("unknown type 77", GGUFAssembly.note("k", 9, Pickle.little(UInt32(77)) + far))
        refused("ends within a list", GGUFAssembly.note("k", 9, Pickle.little(UInt32(0)) + far))
        refused(
            "ends within a list", GGUFAssembly.note("k", 9, Pickle.little(UInt32(12)) + Pickle.little(UInt64(1) << 61)))
        refused("too long", GGUFAssembly.note("k", 9, Pickle.little(UInt32(8)) + far))
        refused("ends within", GGUFAssembly.note("k", 9, Pickle.little(UInt32(8)) + Pickle.little(UInt64(1000))))
        var deep: [UInt8] = []
        for _ in 0..<9 { deep += Pickle.little(UInt32(9)) + Pickle.little(UInt64(1)) }
        refused("four deep", GGUFAssembly.note("k", 9, deep))
        for alignment: UInt32 in [0, 3, 33, .max, 1 << 30] {
            refused("an alignment", GGUFAssembly.note("general.alignment", 4, Pickle.little(alignment)))
        }
        refused("an alignment", GGUFAssembly.note("general.alignment", 6, Pickle.little(Float(32).bitPattern)))
        let shape = Pickle.little(UInt32(5)) + Pickle.little(UInt64(1)) + Pickle.little(Int32(-6))
        refused("a shape that is none", GGUFAssembly.note("comfy.gguf.orig_shape.a", 9, shape))
        let other = Pickle.little(UInt32(5)) + Pickle.little(UInt64(1)) + Pickle.little(Int32(7))
        refused("which does not fit", GGUFAssembly.note("comfy.gguf.orig_shape.a", 9, other))
    }

    @Test func tensorsThatLie() {
        func refused(_ words: String, _ tensors: [UInt8]..., sourceLocation: SourceLocation = #_sourceLocation) {
            self.refused(words, sourceLocation: sourceLocation) { $0.tensors = tensors }
        }
        refused("too many", GGUFAssembly.tensor(String(repeating: "n", count: 300), [1]))
        refused("9 dimensions", GGUFAssembly.tensor("a", [UInt64](repeating: 1, count: 9)))
        refused("too large", GGUFAssembly.tensor("a", [.max]))
        refused("overflows", GGUFAssembly.tensor("a", [1 << 62, 4]))
        refused("overflows", GGUFAssembly.tensor("a", [1 << 31, 1 << 31, 2]))
        refused("type IQ4_XS is not supported", GGUFAssembly.tensor("a", [256], 23))
        refused("type 4000000000 is not", GGUFAssembly.tensor("a", [256], 4_000_000_000))
        refused("no whole blocks of Q4_0", GGUFAssembly.tensor("a", [16, 2], 2))
        refused("no whole blocks of Q4_0", GGUFAssembly.tensor("a", [], 2))
        refused("misaligned", GGUFAssembly.tensor("a", [1], at: 4))
        refused("beyond the file", GGUFAssembly.tensor("a", [7]))
        refused("beyond the file", GGUFAssembly.tensor("a", [1], at: 32))
        refused("beyond the file", GGUFAssembly.tensor("a", [1], at: .max - 31))
        refused("beyond the file", GGUFAssembly.tensor("a", [1 << 40]))
        refused("twice", GGUFAssembly.tensor("a", [1]), GGUFAssembly.tensor("a", [0]))
        refused("overlaps", GGUFAssembly.tensor("a", [2]), GGUFAssembly.tensor("b", [1]))
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = try Fixtures.bytes("Checkpoints/gguf/types.gguf")
        // The last tensor's data is filled up to a multiple of 32.
        for count in stride(from: 0, to: whole.count - 32, by: 7) {
            let path = try folder.write(whole.prefix(count), to: "short.gguf")
            expectError("short.gguf: ") { _ = try openTensors(file: path) }
        }
    }
}
