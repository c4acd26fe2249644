import Checkpoints
import TestSupport
import Testing

/// Values of every dtype against torch, from a file that the Python library wrote (Tools/reference/checkpoints.py).
struct ConversionTests {
    private let file: SafetensorsFile

    init() throws { file = try SafetensorsFile(path: Fixtures.path("Checkpoints/dtypes.safetensors")) }

    /// Equal bit for bit, except that one NaN is as good as another.
    private func same(_ a: [Float], _ b: [Float]) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    }

    @Test func everyDTypeAsTorchHasIt() throws {
        let names = file.tensors.keys.filter { !$0.hasSuffix(".expected") }
        #expect(names.count == 14)
        let dtypes = Set(names.compactMap { file.tensors[$0]?.dtype })
        #expect(dtypes == Set(DType.allCases))
        for name in names {
            #expect(file.tensors[name]?.shape == file.tensors["\(name).expected"]?.shape)
            #expect(same(try file.float32(name), try file.float32("\(name).expected")), "\(name)")
        }
    }

    @Test func eightBitFloats() throws {
        let e4m3 = try file.float32("f8_e4m3")
        #expect(e4m3.count == 256)
        #expect(e4m3[0x7E] == 448 && e4m3[0x7F].isNaN && e4m3[0x01] == 0x1p-9)
        #expect(e4m3[0x80].sign == .minus)
        let e5m2 = try file.float32("f8_e5m2")
        #expect(e5m2[0x7B] == 57344 && e5m2[0x7C] == .infinity && e5m2[0x7D].isNaN && e5m2[0x01] == 0x1p-16)
    }

    @Test func integers() throws {
        #expect(try file.integers("i64") == [0, 1, -1, 1 << 40 + 1, -(1 << 62), .max])
        #expect(try file.integers("i32") == [0, 1, -1, 2_147_483_647, -2_147_483_648, 16_777_217])
        #expect(try file.integers("i16") == [0, 1, -1, 32767, -32768])
        #expect(try file.integers("i8") == Array(0...127) + Array(-128 ... -1))
        #expect(try file.integers("u8") == Array(0...255))
        expectError("tensor \"bool\"", "BOOL") { _ = try file.integers("bool") }
    }

    @Test func notes() {
        #expect(file.metadata == ["format": "pt", "note": "åß \"quoted\"\n漢字 🍎"])
    }

    /// All 65,536 codes, at an odd address too.
    @Test func everyHalf() throws {
        let folder = try TemporaryFolder()
        let codes = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        for padding in ["", " "] {
            let header = "{\(entry("h", "F16", shape: "[65536]", offsets: "[0,131072]"))}\(padding)"
            let file = try SafetensorsFile(path: folder.write(safetensors(header, data: codes), to: "halves"))
            let expected = (0...UInt16.max).map { Float(Float16(bitPattern: $0)) }
            #expect(same(try file.float32("h"), expected))
        }
    }

    @Test func alignedFloatsAreNotCopied() throws {
        try file.withBytes(of: "f32") { bytes in
            try file.withFloat32("f32") { floats in
                #expect(UnsafeRawPointer(floats.baseAddress) == bytes.baseAddress)
                #expect(floats.count == 15)
            }
        }
    }
}
