import Checkpoints
import TestSupport
import Testing

/// Each way in which a header can be wrong has an error of its own that names the file and the tensor.
struct HeaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refused(
        _ bytes: [UInt8], _ first: String, _ second: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let path = try folder.write(bytes, to: "broken.safetensors")
        expectError("broken.safetensors", first, second, sourceLocation: sourceLocation) {
            _ = try SafetensorsFile(path: path)
        }
    }

    private func refused(
        header: String, data: Int = 8, _ first: String, _ second: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let bytes = safetensors(header, data: [UInt8](repeating: 0, count: data))
        try refused(bytes, first, second, sourceLocation: sourceLocation)
    }

    private func opened(header: String, data: [UInt8] = []) throws -> SafetensorsFile {
        try SafetensorsFile(path: folder.write(safetensors(header, data: data), to: "good.safetensors"))
    }

    @Test func headerLength() throws {
        try refused([], "empty (0 bytes)")
        try refused([1, 2, 3], "only 3 bytes")
        try refused(safetensors([], length: 0), "claims 0 bytes", "fewer than")
        try refused(safetensors([0x7B], length: 1), "claims 1 bytes", "fewer than")
        try refused(safetensors(Array("{}".utf8), length: 3), "claims 3 bytes but only 2", "truncated")
        try refused(safetensors(Array("{}".utf8), length: 100_000_000), "claims 100000000 bytes but only 2")
        try refused(safetensors(Array("{}".utf8), length: 100_000_001), "more than the 100000000")
        try refused(safetensors(Array("{}".utf8), length: .max), "more than the 100000000")
        try refused(safetensors(Array("{}".utf8), length: 1 << 63), "more than the 100000000")
    }

    @Test func otherFormatsAreNamed() throws {
        try refused(Array("PK\u{3}\u{4}\0\0\u{8}\u{8}archive/data.pkl".utf8), "PyTorch pickle")
        try refused([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9], "PyTorch pickle")
        try refused(Array("version https://git-lfs.github.com/spec/v1\n".utf8), "git lfs pull")
        try refused(Array("GGUF\u{3}\0\0\0\0\0".utf8), "GGUF")
    }

    @Test func notJSON() throws {
        try refused(header: "hello, world", "does not begin with")
        try refused(header: "[1,2]", "not a JSON object")
        try refused(header: " {}", "does not begin with")
        try refused(header: "{]", "not valid JSON", "at byte 1")
        try refused(header: "{\"a\"", "not valid JSON", "it ends where")
        try refused(header: "{\(entry("a"))", "not valid JSON")
        try refused(header: "{\(entry("a")),}", "not valid JSON")
        try refused(header: "{\(entry("a"))}x", "not valid JSON", "white space")
        try refused(header: "{\(entry("a"))}{}", "not valid JSON")
        try refused(header: "{\"a\" {}}", "not valid JSON")
        try refused(header: "{\"a\nb\":{}}", "control character")
        try refused(header: "{\"a\\x\":{}}", "escape")
        try refused(header: "{\"a\\u12g4\":{}}", "hexadecimal")
        try refused(header: "{\"a\\ud800\":{}}", "surrogate")
        try refused(header: "{\"a\\ud800\\u0041\":{}}", "surrogate")
        try refused(header: "{\"a\\udc00\\ud800\":{}}", "surrogate")
        try refused(header: "{\"a", "end of a string")
        try refused(header: "{\"a\\", "it ends where")
        try refused(header: "{\"a\":{\"x\":tru}}", "not valid JSON", "tensor \"a\"")
        try refused(header: "{\"a\":{\"x\":01}}", "not valid JSON")
        try refused(header: "{\"a\":{\"x\":1.}}", "not valid JSON")
        try refused(header: "{\"a\":{\"x\":1e}}", "not valid JSON")
        let deep = String(repeating: "[", count: 100_000)
        try refused(header: "{\"a\":{\"x\":\(deep)", "levels deep")
    }

    @Test func notUTF8() throws {
        try refused(safetensors(Array("{\"a".utf8) + [0xFF] + Array("\":{}}".utf8)), "not valid UTF-8")
        try refused(
            safetensors(Array("{\"a\\n".utf8) + [0xC0, 0x80] + Array("\":{}}".utf8)), "not valid UTF-8")
        // A surrogate in disguise.
        try refused(
            safetensors(Array("{\"".utf8) + [0xED, 0xA0, 0x80] + Array("\":{}}".utf8)), "not valid UTF-8")
        try refused(safetensors(Array("{".utf8) + [0xFF] + Array("}".utf8)), "not valid JSON")
    }

    @Test func duplicateKeys() throws {
        try refused(header: "{\(entry("a")),\(entry("a"))}", "\"a\" twice")
        try refused(header: "{\(entry("a")),\(entry("\\u0061", offsets: "[8,16]"))}", data: 16, "\"a\" twice")
        try refused(
            header: "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
            "\"dtype\" twice", "tensor \"a\"")
        try refused(header: "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", data: 0, "\"k\" twice")
        let many = (0..<40).map { entry("t\($0)", shape: "[0]", offsets: "[0,0]") }
        try refused(header: "{\((many + [many[3]]).joined(separator: ","))}", data: 0, "\"t3\" twice")
    }

    @Test func entries() throws {
        try refused(header: "{\"a\":7}", "not valid JSON", "tensor \"a\"")
        try refused(header: "{\"a\":{}}", "tensor \"a\"", "no dtype")
        try refused(header: "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "no shape")
        try refused(header: "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "no data_offsets")
        try refused(
            header: "{\(entry("a", "F4"))}", "tensor \"a\"", "\"F4\" is not supported; known are F64, F32")
        try refused(header: "{\(entry("a", "f32"))}", "\"f32\" is not supported")
        try refused(header: "{\"a\":{\"dtype\":7}}", "its dtype, a JSON string")
        try refused(
            header: "{\(entry("a", shape: "[-2]"))}", "its shape has a negative number", "tensor \"a\"")
        try refused(header: "{\(entry("a", offsets: "[-8,8]"))}", "data_offsets has a negative number")
        try refused(header: "{\(entry("a", shape: "[2.0]"))}", "fraction or exponent")
        try refused(header: "{\(entry("a", shape: "[2e0]"))}", "fraction or exponent")
        try refused(header: "{\(entry("a", shape: "[02]"))}", "leading zeros")
        try refused(header: "{\(entry("a", shape: "[9223372036854775808]"))}", "too large")
        try refused(header: "{\(entry("a", offsets: "[0,99999999999999999999999999]"))}", "too large")
        try refused(header: "{\(entry("a", shape: "[\"2\"]"))}", "a whole number")
        try refused(header: "{\(entry("a", shape: "[null]"))}", "a whole number")
        try refused(header: "{\(entry("a", shape: "2"))}", "its shape, a JSON array")
        try refused(header: "{\(entry("a", offsets: "[0]"))}", "data_offsets has 1 numbers")
        try refused(header: "{\(entry("a", offsets: "[0,8,8]"))}", "data_offsets has more than 2 numbers")
        let ones = Array(repeating: "1", count: 33).joined(separator: ",")
        try refused(header: "{\(entry("a", shape: "[\(ones)]"))}", "more than 32 numbers")
        try refused(header: "{\"__metadata__\":[]}", data: 0, "\"__metadata__\", a JSON object")
        try refused(header: "{\"__metadata__\":{\"k\":1}}", data: 0, "the value of \"k\"")
    }

    @Test func ranges() throws {
        try refused(header: "{\(entry("a", offsets: "[8,0]"))}", "begins at byte 8, after its end at 0")
        try refused(header: "{\(entry("a", offsets: "[0,16]", ))}", data: 16, "needs 8 bytes", "gives it 16")
        try refused(header: "{\(entry("a", shape: "[3]"))}", "shape [3] of F32 needs 12 bytes", "gives it 8")
        try refused(header: "{\(entry("a", shape: "[]"))}", "needs 4 bytes")
        try refused(header: "{\(entry("a"))}", data: 7, "out of range: only 7 bytes", "tensor \"a\"")
        try refused(header: "{\(entry("a"))}", data: 0, "truncated")
        try refused(header: "{\(entry("a"))}", data: 9, "last 1 bytes belong to no tensor")
        try refused(header: "{}", data: 1, "last 1 bytes belong to no tensor")
        try refused(
            header: "{\(entry("a", offsets: "[4,12]"))}", data: 12, "tensor \"a\"",
            "a gap before it: bytes 0 to 4")
        try refused(
            header: "{\(entry("a")),\(entry("b", offsets: "[12,20]"))}", data: 20, "tensor \"b\"",
            "a gap before it: bytes 8 to 12")
        try refused(
            header: "{\(entry("a")),\(entry("b", offsets: "[4,12]"))}", data: 12, "tensor \"b\"",
            "overlaps that of tensor \"a\"")
        try refused(header: "{\(entry("a")),\(entry("b"))}", "overlaps that of tensor")
        try refused(
            header: "{\(entry("a", "U8", shape: "[2]", offsets: "[0,2]")),\(entry("b", offsets: "[2,10]"))}",
            data: 10, "tensor \"b\"", "misaligned")
    }

    @Test func overflow() throws {
        try refused(header: "{\(entry("a", shape: "[4294967296,4294967296]"))}", "overflows", "tensor \"a\"")
        try refused(header: "{\(entry("a", shape: "[9223372036854775807]"))}", "overflows")
        try refused(header: "{\(entry("a", shape: "[9223372036854775807,2,0]"))}", "overflows")
        // 2⁶² elements of 4 bytes are 2⁶⁴ bytes, which is 0 when the product wraps.
        try refused(
            header: "{\(entry("a", shape: "[4611686018427387904]", offsets: "[0,0]"))}", data: 0, "overflows")
        try refused(
            header:
                "{\(entry("a", "U8", shape: "[9223372036854775807]", offsets: "[0,9223372036854775807]"))}",
            "out of range")
    }

    /// A hostile name must not drive the terminal, nor flood it.
    @Test func namesAreShownSafely() throws {
        try refused(header: "{\(entry("\\u001b[2Jx\\u202e", shape: "[3]"))}", "\"\\u{1b}[2Jx\\u{202e}\"")
        let path = try folder.write(
            safetensors("{\(entry(String(repeating: "n", count: 5000), "F4"))}"), to: "long")
        do {
            _ = try SafetensorsFile(path: path)
            Issue.record("no error was thrown")
        } catch { #expect(String(describing: error).count < 600) }
    }

    @Test func legalOddities() throws {
        #expect(try opened(header: "{}").tensors.isEmpty)
        #expect(try opened(header: "{}   \n\t ").tensors.isEmpty)

        let scalar = try opened(
            header: "{\(entry("s", shape: "[]", offsets: "[0,4]"))}", data: [0, 0, 0x20, 0x40])
        #expect(scalar.tensors["s"]?.shape == [])
        #expect(scalar.tensors["s"]?.elementCount == 1)
        #expect(try scalar.float32("s") == [2.5])

        let entries = [
            entry("e", shape: "[3,0]", offsets: "[8,8]"), entry("a"),
            entry("f", shape: "[0]", offsets: "[0,0]"),
            entry("b", offsets: "[8,16]"), entry("g", shape: "[0]", offsets: "[16,16]"),
        ]
        let empty = try opened(
            header: "{\(entries.joined(separator: " , "))}", data: [UInt8](repeating: 0, count: 16))
        #expect(empty.tensors["e"] == TensorInfo(name: "e", dtype: .f32, shape: [3, 0], byteCount: 0))
        #expect(try empty.float32("e").isEmpty)
        #expect(try empty.float32("g").isEmpty)
        #expect(try empty.float32("b") == [0, 0])

        let extra =
            "{\"\":{\"x\":[1,-2.5e+3,{\"y\":null},true,false,\"z\"],\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
        #expect(try opened(header: extra, data: [9]).integers("") == [9])

        // The header is not padded, so that the floats lie at an odd address.
        let odd = try opened(header: "{\(entry("odd12"))} ", data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
        #expect(try odd.float32("odd12") == [1, 2])
        let even = try opened(header: "{\(entry("odd12"))}  ", data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
        #expect(try even.float32("odd12") == [1, 2])
    }

    @Test func stringEscapes() throws {
        let header =
            "{\"__metadata__\":{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":\"\\u00e9\\ud83c\\udf4e漢\"},"
            + "\"a\\u002Eb\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
        let file = try opened(header: header, data: [1])
        #expect(file.metadata == ["\"\\/\u{8}\u{C}\n\r\t": "é🍎漢"])
        #expect(file.tensors.keys.sorted() == ["a.b"])
    }
}
