import Platform
import TestSupport
import Testing

@testable import Checkpoints

/// Pickles that want to be more than data, or less.
struct HostilePickleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ object: [UInt8], _ storages: [(String, [Float])] = []) throws -> any TensorSource {
        try openTensors(file: folder.write(Pickle.stream(object, storages: storages), to: "hostile.pt"))
    }

    private func refused(_ object: [UInt8], _ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
        expectError("hostile.pt: ", words, sourceLocation: sourceLocation) { _ = try open(object) }
    }

    private static let tensor = Pickle.tensor(Pickle.storage(count: 4), shape: [2, 2], strides: [2, 1])
    private static let storages: [(String, [Float])] = [("0", [1, 2, 3, 4])]

    @Test func whatIsMadeByHandIsRead() throws {
        let object = Pickle.dictionary([("a", Self.tensor)])
        #expect(try open(object, Self.storages).float32("a") == [1, 2, 3, 4])
        let view = Pickle.storage(
            count: 4, extra: Pickle.tuple(Pickle.text("v"), Pickle.integer(1), Pickle.integer(3)))
        let piece = Pickle.tensor(view, offset: 1, shape: [2], strides: [1])
        #expect(try open(Pickle.dictionary([("a", piece)]), Self.storages).float32("a") == [3, 4])
        let beyond = Pickle.tensor(view, offset: 2, shape: [2], strides: [1])
        expectError("tensor \"a\"", "beyond its storage, which has 3") {
            _ = try open(Pickle.dictionary([("a", beyond)]), Self.storages)
        }
    }

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("torch", "load"), ("torch.hub", "load"), ("subprocess", "Popen"), ("collections", "namedtuple"),
        ("torch._utils", "_rebuild_qtensor"), ("torch.storage", "_load_from_bytes"), ("numpy", "fromfile"),
        ("pytorch_lightning.callbacks.model_checkpoint", "os"), ("runpy", "_run_code"), ("", ""),
        ("torch", "FloatStorage.__init__"), ("a\u{1B}[2J", "b"),
    ])
    func othersNamesAreRefused(module: String, name: String) {
        let full = "asks for \(Platform.quoted("\(module).\(name)"))"
        let arguments = Pickle.tuple(Pickle.text("touch /tmp/limn-was-here"))
        refused(Pickle.global(module, name) + arguments + Pickle.code("R"), full)
        refused(Pickle.text(module) + Pickle.text(name) + [0x93] + arguments + Pickle.code("R"), full)
        refused(Pickle.code("(") + Pickle.text("x") + Array("i\(module)\n\(name)\n".utf8), full)
        refused(Pickle.code("(") + Pickle.global(module, name) + Pickle.code("o"), full)
        refused(Pickle.global(module, name) + Pickle.code(")") + [0x81], full)
        refused(Pickle.global(module, name) + Pickle.code(")}") + [0x92], full)
    }

    @Test func instructionsOfOtherPrograms() {
        refused([0x82, 1], "names a class by a number")
        refused([0x83, 1, 0], "names a class by a number")
        refused([0x84, 1, 0, 0, 0], "names a class by a number")
        refused([0x97], "buffers outside")
        refused([0xFF], "unknown instruction 255")
        refused([0x80, 6], "protocol 6")
        refused(Array("P17\n".utf8), "a storage is described in an unknown way")
        refused(Pickle.text("storage") + Pickle.code("Q"), "a storage is described in an unknown way")
        let module = Pickle.tuple(Pickle.text("module"), Pickle.code("N"), Pickle.code("N"), Pickle.code("N"))
        refused(module + Pickle.code("Q"), "a whole module instead of its weights")
    }

    @Test func brokenStacks() {
        for code in [
            "0", "1", "2", "t", "l", "e", "u", "d", "s", "a", "R", "b", "o", "q\u{0}", "\u{0}", "", "K\u{1}0.",
        ] {
            refused(Pickle.code(code), "")
        }
        // Below a mark lies what is not to be reached.
        refused(Pickle.code("N(0"), "")
        refused(Pickle.code("N(R"), "a value is missing")
        refused(Pickle.code("h\u{7}"), "asks for value 7, which it has not kept")
        refused(Pickle.code("j") + Pickle.little(UInt32.max), "asks for value 4294967295")
        refused(Pickle.code("g-1\n"), "asks for value -1")
        refused(Pickle.code("gx\n"), "a number is none")
        refused(Pickle.code("(Nu"), "")
        refused(Pickle.code("}(Nu"), "a key has no value")
        refused(Pickle.code("N(NNu"), "no dictionary")
        refused(Pickle.code("NNa"), "no list")
        refused(Pickle.code("NNb"), "no object")
        refused(Pickle.code("K\u{1})R"), "no function")
        refused(Pickle.global("collections", "OrderedDict") + Pickle.code("NR"), "arguments are no tuple")
        refused(Pickle.global("torch", "FloatStorage") + Pickle.code(")R"), "a storage's type is called")
    }

    @Test func lengthsBeyondTheFile() {
        for code: [UInt8] in [[0x58], [0x54], [0x42]] { refused(code + Pickle.little(UInt32.max), "ends within") }
        for code: [UInt8] in [[0x8D], [0x8E], [0x96]] {
            refused(code + Pickle.little(UInt64.max), "ends within")
            refused(code + Pickle.little(UInt64(Int.max)), "ends within")
        }
        refused([0x8B] + Pickle.little(Int32.min), "ends within")
        refused([0x8B] + Pickle.little(Int32.max), "ends within")
        refused([0x95] + Pickle.little(UInt64.max), "a frame is longer than the file")
        refused(Array("Sno quotes\n".utf8), "no quotes")
        refused(Array("I12x\n".utf8), "a number is none")
        refused(Array("Fabc\n".utf8), "a number is none")
    }

    /// Lists that hold themselves, and dictionaries that do.
    @Test func circles() throws {
        let list = Pickle.code("]q\u{0}h\u{0}ah\u{0}0")
        refused(list, "no dictionary of tensors")
        let circle = Pickle.code("}q\u{0}") + Pickle.text("self") + Pickle.code("h\u{0}s")
        refused(circle, "no tensors in it")
        let withTensor = circle + Pickle.text("a") + Self.tensor + Pickle.code("s")
        let file = try open(withTensor, Self.storages)
        #expect(Array(file.tensors.keys) == ["a"])
        let state =
            Pickle.code("}q\u{0}") + Pickle.text("state_dict") + Pickle.code("h\u{0}s") + Pickle.text("a")
            + Self.tensor + Pickle.code("s")
        #expect(try open(state, Self.storages).tensors.count == 1)
    }

    /// Tuples of ten of tuples of ten, forty levels of them: a list of 10⁴⁰ for who counts them.
    @Test(.timeLimit(.minutes(1))) func billionLaughs() throws {
        var bomb = Pickle.code("(") + Pickle.text("lol") + Pickle.code("tq\u{0}")
        for level in UInt8(0)..<40 {
            bomb += Pickle.code("0(")
            for _ in 0..<10 { bomb += [0x68, level] }
            bomb += [0x74, 0x71, level + 1]
        }
        refused(bomb, "no dictionary")
        var nested = Pickle.code("}q\u{0}")
        for level in UInt8(0)..<40 {
            nested += Pickle.code("0}(")
            for key in 0..<10 { nested += Pickle.text("\(key)") + [0x68, level] }
            nested += [0x75, 0x71, level + 1]
        }
        refused(nested, "no tensors in it")
        let inShape =
            Pickle.code("0") + Pickle.global("torch._utils", "_rebuild_tensor_v2")
            + Pickle.tuple(Pickle.storage(count: 4), Pickle.integer(0), [0x68, 40], [0x68, 40]) + Pickle.code("R")
        refused(bomb + inShape, "described in an unknown way")
    }

    /// A million levels deep: neither reading nor forgetting it may take a stack frame a level.
    @Test(.timeLimit(.minutes(1))) func depth() {
        refused([UInt8](repeating: 0x5D, count: 300_000) + [UInt8](repeating: 0x61, count: 299_999), "no dictionary")
        refused(Pickle.code("N") + [UInt8](repeating: 0x85, count: 1_000_000), "no dictionary")
        refused([UInt8](repeating: 0x28, count: 1_000_000), "a value is missing")
        refused([UInt8](repeating: 0x4E, count: 2_100_000), "more than any checkpoint needs")
        // Half a million marks that each take what is above them.
        refused(
            [UInt8](repeating: 0x4E, count: 500_000) + [UInt8](repeating: 0x28, count: 500_000)
                + [UInt8](repeating: 0x74, count: 500_000), "no dictionary")
    }

    /// The same large list given to call after call.
    @Test(.timeLimit(.minutes(1))) func repeatedWork() {
        let list =
            Pickle.code("](") + Array(repeatElement(Pickle.code("NN") + [0x86], count: 100_000).joined())
            + Pickle.code("e") + [0x85] + Pickle.code("q\u{0}0")
        let call = Pickle.global("collections", "OrderedDict") + Pickle.code("h\u{0}R0")
        refused(list + Array(repeatElement(call, count: 10_000).joined()), "more than any checkpoint needs")
        let state =
            Pickle.code("}(") + Array(repeatElement(Pickle.code("NN"), count: 100_000).joined())
            + Pickle.code("uq\u{0}0}")
        refused(state + Array(repeatElement(Pickle.code("h\u{0}b"), count: 100_000).joined()), "needs")
    }

    @Test func tooManyTensors() {
        var object = Self.tensor + Pickle.code("q\u{0}0}(")
        for index in 0..<70_000 { object += Pickle.code("J") + Pickle.little(Int32(index)) + Pickle.code("h\u{0}") }
        expectError("more than 65536 tensors") { _ = try open(object + Pickle.code("u"), Self.storages) }
        let long = String(repeating: "n", count: 300)
        expectError("longer than any in use") { _ = try open(Pickle.dictionary([(long, Self.tensor)]), Self.storages) }
    }

    @Test func tensorsThatReachOutOfTheirStorage() {
        func refused(
            _ words: String, offset: Int = 0, _ shape: [Int], _ strides: [Int], count: Int = 4,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let tensor = Pickle.tensor(Pickle.storage(count: count), offset: offset, shape: shape, strides: strides)
            expectError("hostile.pt", words, sourceLocation: sourceLocation) {
                _ = try open(Pickle.dictionary([("a", tensor)]), Self.storages)
            }
        }
        refused("tensor \"a\": it reaches beyond its storage, which has 4 values", [5], [1])
        refused("reaches beyond", offset: 1, [4], [1])
        refused("reaches beyond", [2, 2], [3, 1])
        refused("reaches beyond", offset: .max, [1], [1])
        refused("reaches beyond", [2, 2], [.max, .max])
        refused("reaches beyond", offset: .max, [2], [.max])
        refused("before its storage", [2], [-1])
        refused("before its storage", offset: -1, [2], [1])
        refused("is impossible", [2, -1], [1, 1])
        refused("is impossible", [.max, .max], [0, 0])
        refused("is impossible", [1 << 61, 4], [0, 0])
        refused("is impossible", [2], [])
        refused("repeats the 4 values of its storage to 1073741824", [1 << 15, 1 << 15], [0, 0])
        refused("described in an unknown way", [Int](repeating: 1, count: 33), [Int](repeating: 1, count: 33))
        refused("speak of different sizes", [5], [1], count: 5)
        refused("speak of different sizes", [5], [1], count: .max)
        refused("described in an unknown way", [5], [1], count: -1)
    }

    /// Sizes that are the same in both places, and more than there is.
    @Test(arguments: [5, 1 << 61, 1 << 62, Int.max]) func storagesBeyondTheFile(count: Int) throws {
        let tensor = Pickle.tensor(Pickle.storage(count: count), shape: [4], strides: [1])
        var bytes = Pickle.stream(Pickle.dictionary([("a", tensor)]), storages: Self.storages)
        bytes.replaceSubrange(bytes.count - 24..<bytes.count - 16, with: Pickle.little(UInt64(count)))
        let path = try folder.write(bytes, to: "hostile.pt")
        expectError("hostile.pt: its pickle ends within a storage") { _ = try openTensors(file: path) }
    }

    @Test func strangeStrides() throws {
        func values(_ shape: [Int], _ strides: [Int], offset: Int = 0) throws -> [Float] {
            let tensor = Pickle.tensor(Pickle.storage(count: 4), offset: offset, shape: shape, strides: strides)
            return try open(Pickle.dictionary([("a", tensor)]), Self.storages).float32("a")
        }
        #expect(try values([], []) == [1])
        #expect(try values([2, 2], [1, 2]) == [1, 3, 2, 4])
        #expect(try values([3], [0], offset: 3) == [4, 4, 4])
        #expect(try values([2, 2, 2], [0, 1, 2]) == [1, 3, 2, 4, 1, 3, 2, 4])
        #expect(try values([2, 3], [1, 1]) == [1, 2, 3, 2, 3, 4])
        // The step of a dimension of one value is never taken.
        #expect(try values([1, 4, 1], [.max, 1, .max]) == [1, 2, 3, 4])
        #expect(try values([2, 1], [3, .max]) == [1, 4])
        #expect(try values([0, 4], [.max, .max], offset: .max) == [])
    }

    @Test func storagesThatDoNotFit() {
        let object = Pickle.dictionary([("a", Self.tensor)])
        expectError("its values are missing") { _ = try open(object, []) }
        expectError("does not fit its pickle") { _ = try open(object, [("1", [1, 2, 3, 4])]) }
        expectError("does not fit its pickle") { _ = try open(object, Self.storages + Self.storages) }
        expectError("speak of different sizes") { _ = try open(object, [("0", [1, 2, 3])]) }
        let two = Pickle.tensor(Pickle.storage("0", "HalfStorage", count: 4), shape: [4], strides: [1])
        expectError("described in two ways") {
            _ = try open(Pickle.dictionary([("a", Self.tensor), ("b", two)]), Self.storages)
        }
    }

    @Test func otherPickles() throws {
        func refused(_ bytes: [UInt8], _ words: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let path = try folder.write(bytes, to: "other.pkl")
            expectError("other.pkl", words, sourceLocation: sourceLocation) { _ = try openTensors(file: path) }
        }
        try refused([0x80, 2] + Pickle.code("}."), "none that torch.save wrote")
        try refused(
            [0x80, 4] + Pickle.global("sklearn.svm", "SVC") + Pickle.code(")R."), "asks for \"sklearn.svm.SVC\"")
        let stream = Pickle.stream(Pickle.dictionary([("a", Self.tensor)]), storages: Self.storages)
        // The machine's description says that the highest byte comes first.
        let start = Array(stream[..<15])
        var big = start + [0x80, 2] + Pickle.code("M")
        big += Pickle.little(UInt16(1001)) + Pickle.code(".") + [0x80, 2]
        big += Pickle.dictionary([("little_endian", [0x89])]) + Pickle.code(".")
        try refused(big, "the highest byte first")
        try refused(start + [0x80, 2] + Pickle.code("K\u{1}."), "a version of PyTorch")
    }
}

/// Zip files that lie about themselves.
struct HostileZipTests {
    private let folder: TemporaryFolder
    private let zip: ZipAssembly

    init() throws {
        folder = try TemporaryFolder()
        let tensor = Pickle.tensor(Pickle.storage(count: 2), shape: [2], strides: [1])
        let object = [0x80, 2] + Pickle.dictionary([("a", tensor)]) + Pickle.code(".")
        zip = ZipAssembly([
            ("archive/data.pkl", object), ("archive/byteorder", Array("little".utf8)),
            ("archive/data/0", Pickle.little(Float(5).bitPattern) + Pickle.little(Float(6).bitPattern)),
            ("archive/version", Array("3\n".utf8)),
        ])
    }

    private func open(_ zip: ZipAssembly) throws -> any TensorSource {
        try openTensors(file: folder.write(zip.bytes, to: "hostile.ckpt"))
    }

    private func refused(
        _ words: String, sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout ZipAssembly) -> Void
    ) {
        var changed = zip
        change(&changed)
        expectError("hostile.ckpt: ", words, sourceLocation: sourceLocation) { _ = try open(changed) }
    }

    @Test func anyFolderWillDo() throws {
        #expect(try open(zip).float32("a") == [5, 6])
        for folder in ["my model (2)/", "", "../"] {
            var other = zip
            for index in other.entries.indices {
                other.entries[index].name = folder + other.entries[index].name.dropFirst("archive/".count)
            }
            #expect(try open(other).float32("a") == [5, 6], "\(folder)")
        }
        var commented = zip
        commented.comment = Array("a comment".utf8)
        #expect(try open(commented).float32("a") == [5, 6])
    }

    @Test func directoriesThatLie() {
        refused("it is truncated") { $0.comment = [UInt8](repeating: 0, count: 70_000) }
        refused("lists more than it has") { $0.count = 60_000 }
        refused("too many") { $0.count = 3 }
        refused("lies outside") { $0.directorySize = .max - 1 }
        refused("lies outside") { $0.directoryStart = .max - 1 }
        refused("directory") { $0.directoryStart = 0 }
        refused("twice") { $0.entries[1].name = "archive/data/0" }
    }

    @Test func entriesThatLie() {
        refused("is compressed") { $0.entries[2].method = 8 }
        refused("is compressed") { $0.entries[0].method = 99 }
        refused("encrypted") { $0.entries[2].flags = 1 }
        refused("has two sizes") { $0.entries[2].packedSize = 4 }
        refused("larger than the file") { ($0.entries[2].size, $0.entries[2].packedSize) = (1 << 30, 1 << 30) }
        refused("the file has fewer") { ($0.entries[2].size, $0.entries[2].packedSize) = (7, 7) }
        refused("does not begin where") { $0.entries[2].header = 1 }
        refused("does not begin where") { $0.entries[2].header = 0xFFFF_FFFE }
        refused("called otherwise") { $0.entries[2].header = 0 }
        refused("called otherwise") { $0.entries[2].localName = "archive/data/1" }
        refused("called otherwise") { $0.entries[2].localName = "../../etc/passwd" }
        refused("no entry \"archive/data/0\"") { $0.entries[2].name = "archive/../data/0" }
        refused("not stored with the lowest byte first") { $0.entries[1].data = Array("big".utf8) }
        refused("no data.pkl") { $0.entries[0].name = "archive/other.pkl" }
        refused("several data.pkl") { $0.entries[3].name = "second/data.pkl" }
        refused("TorchScript") { $0.entries[3].name = "archive/constants.pkl" }
    }

    /// Two storages in the same bytes.
    @Test func overlaps() {
        refused("overlaps another") { zip in
            let tensors = ["0", "1"].map { key in
                ("t" + key, Pickle.tensor(Pickle.storage(key, count: 2), shape: [2], strides: [1]))
            }
            zip.entries[0].data = [0x80, 2] + Pickle.dictionary(tensors) + Pickle.code(".")
            // The second lies in the bytes of the first, its header too.
            let inner = ZipAssembly([("archive/data/1", [UInt8](repeating: 1, count: 8))]).bytes
            zip.entries[2].data = Array(inner.prefix(30 + 14 + 8))
            let before = zip.entries[..<2].reduce(0) { $0 + 30 + $1.name.utf8.count + $1.data.count }
            zip.entries[3].name = "archive/data/1"
            zip.entries[3].header = UInt32(before + 30 + 14)
            (zip.entries[3].size, zip.entries[3].packedSize) = (8, 8)
        }
    }
}
