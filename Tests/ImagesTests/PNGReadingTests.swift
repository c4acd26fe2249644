import Foundation
import Images
import TestSupport
import Testing

@Suite struct PNGReadingTests {
    /// Each NAME.png of the fixtures that has a NAME.pam beside it.
    static let kinds: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("images"))) ?? []
        return files.filter { $0.hasSuffix(".png") && files.contains($0.dropLast(4) + ".pam") }
            .map { String($0.dropLast(4)) }.sorted()
    }()

    @Test func allKindsAreThere() {
        #expect(Self.kinds.count == 47)
    }

    @Test(arguments: kinds) func readsWhatPillowReads(kind: String) throws {
        #expect(try PNG.read(Fixtures.path("images/\(kind).png")) == pam(kind))
    }

    @Test func readsTextsOfAllThreeKindsInTheirOrder() throws {
        let texts = try PNG.readText(Fixtures.path("images/texts.png"))
        #expect(texts.map(\.keyword) == ["parameters", "Latin packed", "prompt", "Comment", "late"])
        #expect(
            texts.map(\.text) == [
                "café, 25 °C\nSteps: 3", String(repeating: "ÿ", count: 50), "りんご 🍎",
                String(repeating: "zażółć", count: 9), "after the pixels",
            ])
    }

    /// What programs write as UTF-8 where the specification has Latin-1.
    @Test func textsThatAreUTF8AreReadAsSuch() throws {
        let folder = try TemporaryFolder()
        let image = try Image(width: 1, height: 1, channels: 1, pixels: [0])
        func read(_ bytes: [UInt8]) throws -> String? {
            var file = try PNG.encode(image, text: [])
            file.insert(contentsOf: chunk("tEXt", Array("parameters".utf8) + [0] + bytes), at: 33)
            return try PNG.readText(try folder.write(file, to: "a.png")).first?.text
        }
        for text in ["café, “neon” 夜空", "plain", "é"] { #expect(try read(Array(text.utf8)) == text) }
        // Latin-1, and what is neither whole.
        #expect(try read([0x63, 0x61, 0x66, 0xE9]) == "café")
        #expect(try read([0xC3, 0xA9, 0xE9]) == "Ã©é")
        #expect(try read([0xE5, 0xA4]) == "å¤")
    }

    @Test func aPictureInMemoryIsReadLikeItsFile() throws {
        for kind in ["rgba16-interlaced", "orientation-6"] {
            #expect(try PNG.read(Fixtures.bytes("images/\(kind).png"), name: "x") == pam(kind))
        }
        let whole = try Fixtures.bytes("images/rgb8.png")
        for bytes: [UInt8] in [[], [1, 2, 3], Array(whole.prefix(60)), Array(whole.dropLast(20))] {
            let text = message { _ = try PNG.read(bytes, name: "standard input") }
            #expect(text.contains("“standard input”"), "\(text)")
        }
    }

    /// Damaged Exif data turns nothing, or what it says, and never traps.
    @Test func hostileExifIsHarmless() throws {
        let good = Array("MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        func value(_ bytes: [UInt8]) -> Int { bytes.withUnsafeBytes { ExifOrientation(exif: $0).value } }
        #expect(value(good) == 6)
        for count in 0..<22 { #expect(value(Array(good.prefix(count))) == 1) }
        func changed(_ places: (Int, UInt8)...) -> Int {
            var bytes = good
            for (place, byte) in places { bytes[place] = byte }
            return value(bytes)
        }
        #expect(changed((0, 0x49)) == 1 && changed((3, 43)) == 1 && changed((19, 9)) == 1 && changed((19, 0)) == 1)
        // The directory before, beyond and at the end; too many entries; another type; more than one value.
        #expect(changed((4, 0xFF), (5, 0xFF), (6, 0xFF), (7, 0xFF)) == 1 && changed((7, 25)) == 1)
        #expect(changed((8, 0xFF), (9, 0xFF)) == 6 && changed((13, 2)) == 1 && changed((17, 2)) == 1)
        var random = SplitMix(5)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            #expect((1...8).contains(value(bytes)))
        }
    }

    @Test func aPictureWithoutTextsHasNone() throws {
        #expect(try PNG.readText(Fixtures.path("images/rgb8.png")).isEmpty)
    }

    @Test func namesWhatIsNotAPNG() throws {
        let folder = try TemporaryFolder()
        let cases: [(bytes: [UInt8], words: String)] = [
            ([], "empty"),
            ([0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF".utf8), "JPEG"),
            (Array("GIF89a".utf8) + [0, 0], "GIF"),
            (Array("RIFF".utf8) + [1, 2, 3, 4] + Array("WEBPVP8 ".utf8), "WebP"),
            (Array("BM".utf8) + [9, 9, 0, 0], "BMP"),
            ([0, 0, 0, 28] + Array("ftypavif".utf8), "AVIF"),
            (Array("a red apple\n".utf8), "text"),
            (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "Git LFS"),
            (Array([0x89, 0x50, 0x4E, 0x47, 0x0A, 0x1A, 0x0A]), "transfer as text"),
            ([0x89, 0x50, 0x4E], "ends after 3 bytes"),
            ([1, 2, 3, 4, 5, 6, 7, 8, 9], "no known picture format"),
        ]
        for (bytes, words) in cases {
            let path = try folder.write(bytes, to: "picture.png")
            let text = message { _ = try PNG.read(path) }
            #expect(
                text.contains("is not a PNG picture") && text.contains(words) && text.contains("picture.png"))
            #expect(message { _ = try PNG.readText(path) } == text)
        }
    }

    @Test func everyTruncationIsAnErrorAndNoneACrash() throws {
        let folder = try TemporaryFolder()
        for name in ["rgb8", "grey4-interlaced", "palette4-transparent", "texts"] {
            let bytes = try pngBytes(name)
            for count in 8..<bytes.count {
                let path = try folder.write(bytes[..<count], to: "cut.png")
                #expect(throws: ImageError.truncated(path: path)) { try PNG.read(path) }
                #expect(throws: ImageError.truncated(path: path)) { try PNG.readText(path) }
            }
        }
    }

    @Test func aChangedByteIsNeverReadAsAPicture() throws {
        let folder = try TemporaryFolder()
        for name in ["rgb8", "palette4-transparent", "grey2-interlaced"] {
            let bytes = try pngBytes(name)
            for index in bytes.indices {
                for mask: UInt8 in [0x01, 0x20, 0x80] {
                    var changed = bytes
                    changed[index] ^= mask
                    let path = try folder.write(changed, to: "changed.png")
                    #expect(throws: ImageError.self, "\(name), byte \(index), bit \(mask)") {
                        try PNG.read(path)
                    }
                }
            }
        }
    }

    @Test func aWrongChecksumIsDamage() throws {
        let folder = try TemporaryFolder()
        var bytes = try pngBytes("rgb8")
        bytes[bytes.count - 13] ^= 1  // the last byte of the last IDAT's CRC
        let path = try folder.write(bytes, to: "damaged.png")
        let text = message { _ = try PNG.read(path) }
        #expect(text.contains("damaged") && text.contains("IDAT: CRC error") && text.contains("damaged.png"))
    }

    @Test func sizesOverTheLimitsAreRefusedBeforeAnyMemoryIsTaken() throws {
        let folder = try TemporaryFolder()
        let signature = try Array(pngBytes("rgb8").prefix(8))
        func header(_ width: UInt32, _ height: UInt32) -> [UInt8] {
            let sizes = [width, height].flatMap { size in
                (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
            }
            return signature + chunk("IHDR", sizes + [8, 6, 0, 0, 0])
        }
        for (width, height): (UInt32, UInt32) in [(16385, 1), (1, 16385), (16384, 16384), (.max, .max)] {
            let path = try folder.write(header(width, height) + chunk("IEND", []), to: "huge.png")
            #expect(message { _ = try PNG.read(path) }.contains("is \(width)×\(height); at most 16384"))
        }
        // Allowed, but more than so small a file can hold.
        let bomb = try folder.write(header(11_000, 11_000) + chunk("IDAT", [0x78, 0x9C]), to: "bomb.png")
        #expect(throws: ImageError.truncated(path: bomb)) { try PNG.read(bomb) }
        let nothing = try folder.write(header(0, 5) + chunk("IEND", []), to: "nothing.png")
        #expect(message { _ = try PNG.read(nothing) }.contains("damaged"))
    }

    @Test func brokenTextIsAnErrorForTextButNotForThePicture() throws {
        let folder = try TemporaryFolder()
        let bytes = try pngBytes("rgb8")
        let broken = chunk("zTXt", Array("parameters".utf8) + [0, 0, 1, 2, 3])
        let path = try folder.write(bytes[..<33] + broken + bytes[33...], to: "text.png")
        #expect(try PNG.read(path) == pam("rgb8"))
        #expect(message { _ = try PNG.readText(path) }.contains("damaged (zTXt"))
    }

    @Test func aTextThatUnpacksToTooMuchIsRefused() throws {
        let folder = try TemporaryFolder()
        let bytes = try pngBytes("rgb8")
        // 97 MB of spaces: deflate's longest match, 258 bytes, in a fixed block, 2 codes of 8 + 5 bits each.
        let bomb = chunk("zTXt", Array("bomb".utf8) + [0, 0] + deflatedSpaces(matches: 375_000))
        let path = try folder.write(bytes[..<33] + bomb + bytes[33...], to: "bomb.png")
        let text = message { _ = try PNG.readText(path) }
        #expect(text.contains("bomb.png") && text.contains("over 64 MB"))
        #expect(try PNG.read(path) == pam("rgb8"))
        // Many that are each allowed add up.
        let part = chunk("zTXt", Array("part".utf8) + [0, 0] + deflatedSpaces(matches: 40_000))
        let parts = try folder.write(
            bytes[..<33] + Array((0..<20).map { _ in part }.joined()) + bytes[33...], to: "parts.png")
        #expect(throws: ImageError.tooMuchText(path: parts)) { try PNG.readText(parts) }
    }

    /// A zlib stream of 1 + 258 · matches spaces, without the right checksum's help: it is computed.
    private func deflatedSpaces(matches: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x78, 0x9C]
        var accumulator: UInt64 = 0
        var bits: UInt64 = 0
        func put(_ value: UInt64, _ count: UInt64) {
            accumulator |= value << bits
            bits += count
            while bits >= 8 {
                bytes.append(UInt8(accumulator & 0xFF))
                accumulator >>= 8
                bits -= 8
            }
        }
        func putCode(_ value: UInt64, _ count: UInt64) {  // Huffman codes go most significant bit first
            for bit in (0..<count).reversed() { put(value >> bit & 1, 1) }
        }
        put(0b011, 3)  // last block, fixed codes
        putCode(0x30 + 32, 8)  // a space
        for _ in 0..<matches {
            putCode(0xC0 + 5, 8)  // length 258 is code 285
            putCode(0, 5)  // distance 1
        }
        putCode(0, 7)
        put(0, 7)
        let count = 1 + 258 * matches
        var low: UInt32 = 1
        var high: UInt32 = 0
        for _ in 0..<count {
            low = (low + 32) % 65521
            high = (high + low) % 65521
        }
        return bytes + [high >> 8, high, low >> 8, low].map { UInt8(truncatingIfNeeded: $0) }
    }

    @Test func whatIsNoOrdinaryFileIsRefused() throws {
        let folder = try TemporaryFolder()
        #expect(message { _ = try PNG.read(folder.path) }.contains("it is a folder"))
        #expect(message { _ = try PNG.read(folder.file("none.png")) }.contains("no such file"))
        #expect(message { _ = try PNG.read("") }.contains("not a file name"))
        #expect(message { _ = try PNG.read("/dev/zero") }.contains("pipe or a device"))
        let pipe = folder.file("pipe.png")
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(message { _ = try PNG.read(pipe) }.contains("pipe or a device"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("loop.png"), withDestinationPath: folder.file("loop.png"))
        #expect(message { _ = try PNG.read(folder.file("loop.png")) }.contains("circle"))
        #expect(!message { _ = try PNG.read("a\nb\u{1B}[31m.png") }.contains("\u{1B}"))
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func aFileWithoutPermissionIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(pngBytes("rgb8"), to: "private.png")
        chmod(path, 0)
        #expect(message { _ = try PNG.read(path) }.contains("permission"))
    }

    @Test func readingFailuresLeaveNoDescriptorOpen() throws {
        let folder = try TemporaryFolder()
        let bytes = try pngBytes("rgb8")
        let path = try folder.write(bytes[..<60], to: "cut.png")
        for _ in 0..<2000 { #expect(throws: ImageError.self) { try PNG.read(path) } }
    }
}
