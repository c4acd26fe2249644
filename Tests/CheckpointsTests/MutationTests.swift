import Checkpoints
import TestSupport
import Testing

/// Thousands of damaged files: each is either read in full or refused by a `CheckpointError`. A crash ends the
/// test run.
struct MutationTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        /// Marsaglia's xorshift64*.
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_F491_4F6C_DD1D
        }
    }

    private static let fragments = [
        "\"", "\\", "\\u", "\\ud800", "{", "}", "[", "]", ",", ":", "-", ".", "e", "0", "9",
        "99999999999999999999",
        "9223372036854775807", "4294967296", "null", "true", "\"F16\"", "\"F64\"", "\"I64\"", "\"U8\"",
        "\"data_offsets\"",
        "\"shape\"", "[0,0]", "[]", "{}", "\u{0}", " ", "é", "[[[[[[[[", "1e999", "\"__metadata__\":",
    ].map { Array($0.utf8) }

    private func mutate(_ original: [UInt8], headerCount: Int, _ generator: inout Generator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let header = 8..<max(9, min(8 + headerCount, bytes.count))
            let place = min(Int.random(in: header, using: &generator), bytes.count)
            switch Int.random(in: 0..<9, using: &generator) {
            case 0: bytes.removeLast(min(bytes.count, Int.random(in: 1...64, using: &generator)))
            case 1:
                bytes.append(
                    contentsOf: [UInt8](repeating: 7, count: Int.random(in: 1...16, using: &generator)))
            case 2 where !bytes.isEmpty:
                let index = Int.random(in: 0..<min(8, bytes.count), using: &generator)
                bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            case 3 where place < bytes.count:
                bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            case 4 where place < bytes.count:
                bytes[place] = UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &generator)
            case 5:
                let end = min(bytes.count, place + Int.random(in: 1...80, using: &generator))
                if place < end { bytes.insert(contentsOf: bytes[place..<end], at: place) }
            case 6:
                let end = min(bytes.count, place + Int.random(in: 1...20, using: &generator))
                if place < end { bytes.removeSubrange(place..<end) }
            default:
                let fragment = Self.fragments[Int.random(in: 0..<Self.fragments.count, using: &generator)]
                // Overwriting keeps the header's length right, so that deeper checks are reached.
                if Bool.random(using: &generator), place + fragment.count <= bytes.count {
                    bytes.replaceSubrange(place..<place + fragment.count, with: fragment)
                } else {
                    bytes.insert(contentsOf: fragment, at: place)
                }
            }
        }
        // Half of the time the length is mended, again to reach deeper.
        if bytes.count > 16, Bool.random(using: &generator) {
            let grown = max(0, min(bytes.count - 8, headerCount + bytes.count - original.count))
            withUnsafeBytes(of: UInt64(grown).littleEndian) { bytes.replaceSubrange(0..<8, with: $0) }
        }
        return bytes
    }

    @Test func damagedFilesNeverCrash() throws {
        let folder = try TemporaryFolder()
        let header =
            "{\"__metadata__\":{\"format\":\"pt\",\"a\\u00e9\":\"b\\n\"},"
            + entry("i", "I64", shape: "[1]", offsets: "[0,8]") + ","
            + entry("w", shape: "[2,3]", offsets: "[8,32]") + ","
            + entry("h", "F16", shape: "[4]", offsets: "[32,40]") + ","
            + entry("e", "BF16", shape: "[0,4]", offsets: "[40,40]") + ","
            + entry("q", "F8_E4M3", shape: "[3]", offsets: "[40,43]") + ","
            + entry("s", "U8", shape: "[]", offsets: "[43,44]") + "}  "
        let original = safetensors(header, data: (0..<44).map { $0 * 5 })
        var generator = Generator(state: 0x9E37_79B9_7F4A_7C15)
        var (read, refused) = (0, 0)
        for _ in 0..<3000 {
            let bytes = mutate(original, headerCount: header.utf8.count, &generator)
            let path = try folder.write(bytes, to: "damaged.safetensors")
            do {
                let file = try SafetensorsFile(path: path)
                for (name, info) in file.tensors {
                    #expect(try file.float32(name).count == info.elementCount)
                    try file.withBytes(of: name) { #expect($0.count == info.byteCount) }
                    _ = try? file.integers(name)
                }
                read += 1
            } catch let error as CheckpointError {
                #expect(error.description.contains("damaged.safetensors: "))
                refused += 1
            }
        }
        // Both ways must be walked, or the mutations are too strong or too weak to show anything.
        #expect(read > 40 && refused > 1500, "\(read) read, \(refused) refused")
    }

    @Test func everyTruncationIsRefused() throws {
        let folder = try TemporaryFolder()
        let whole = safetensors(
            "{\(entry("a")),\(entry("b", offsets: "[8,16]"))}", data: [UInt8](repeating: 1, count: 16))
        for count in 0..<whole.count {
            let path = try folder.write(whole.prefix(count), to: "short.safetensors")
            expectError("short.safetensors: ") { _ = try SafetensorsFile(path: path) }
        }
        _ = try SafetensorsFile(path: folder.write(whole, to: "short.safetensors"))
    }
}
