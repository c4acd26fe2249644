import Foundation
import Images
import TestSupport
import Testing

@Suite struct PNGWritingTests {
    @Test(arguments: [1, 3, 4], [(1, 1), (7, 5), (300, 200)])
    func comesBackAsItWas(channels: Int, size: (Int, Int)) throws {
        let folder = try TemporaryFolder()
        let image = try gradient(width: size.0, height: size.1, channels: channels)
        try PNG.write(image, to: folder.file("a.png"))
        #expect(try PNG.read(folder.file("a.png")) == image)
    }

    @Test func textsComeBackAsTheyWere() throws {
        let folder = try TemporaryFolder()
        let texts: [(keyword: String, text: String)] = [
            ("parameters", "naïve café\nNegative prompt: x\nSteps: 3, Size: 8x8"),
            ("limn", #"{"prompt":"りんご 🍎"}"#),
            ("Empty", ""), ("parameters", "Ã© is not é"), ("not UTF-8", "Ã©"),
            ("Long", String(repeating: "長い", count: 50_000)),
        ]
        try PNG.write(gradient(width: 3, height: 3, channels: 3), text: texts, to: folder.file("a.png"))
        let read = try PNG.readText(folder.file("a.png"))
        #expect(read.map(\.keyword) == texts.map(\.keyword))
        #expect(read.map(\.text) == texts.map(\.text))
    }

    @Test func latinTextIsTEXtAndOtherTextIsITXt() throws {
        let image = try gradient(width: 2, height: 2, channels: 1)
        let latin = try PNG.encode(image, text: [("k", "é")])
        let other = try PNG.encode(image, text: [("k", "ł")])
        // Chunks follow the signature's 8 bytes and the header's 25.
        #expect(Array(latin[33...].prefix(15)) == chunk("tEXt", [0x6B, 0, 0xE9]))
        #expect(Array(other[33...].prefix(20)) == chunk("iTXt", [0x6B, 0, 0, 0, 0, 0, 0xC5, 0x82]))
    }

    @Test func aNULInATextBecomesAReplacementCharacter() throws {
        let folder = try TemporaryFolder()
        try PNG.write(
            gradient(width: 2, height: 2, channels: 1), text: [("k", "a\0b")], to: folder.file("a.png"))
        #expect(try PNG.readText(folder.file("a.png")).map(\.text) == ["a\u{FFFD}b"])
    }

    @Test(arguments: ["", " a", "a ", "a  b", "a\nb", "日本", String(repeating: "k", count: 80)])
    func refusesKeywordsThatPNGDoesNotAllow(keyword: String) throws {
        let image = try gradient(width: 2, height: 2, channels: 1)
        #expect(message { _ = try PNG.encode(image, text: [(keyword, "x")]) }.contains("keyword"))
    }

    @Test func theSamePictureGivesTheSameBytes() throws {
        let image = try gradient(width: 64, height: 48, channels: 3)
        #expect(try PNG.encode(image, text: [("a", "b")]) == PNG.encode(image, text: [("a", "b")]))
    }

    @Test func countsThatDoNotFitAreRefused() throws {
        #expect(throws: ImageError.self) { try Image(width: 2, height: 2, channels: 3, pixels: [1, 2, 3]) }
        #expect(throws: ImageError.self) {
            try Image(width: 2, height: 1, channels: 2, pixels: [1, 2, 3, 4])
        }
        #expect(throws: ImageError.self) { try Image(width: 0, height: 1, channels: 1, pixels: []) }
        #expect(throws: ImageError.self) { try Image(width: .max, height: .max, channels: 4, pixels: []) }
        var image = try gradient(width: 2, height: 2, channels: 3)
        image.pixels.removeLast()
        #expect(throws: ImageError.self) { try PNG.encode(image, text: []) }
        let wide = try Image(
            width: 20_000, height: 1, channels: 1, pixels: [UInt8](repeating: 0, count: 20_000))
        #expect(message { _ = try PNG.encode(wide, text: []) }.contains("over the limit"))
    }
}

@Suite struct AtomicFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    @Test func leavesTheFileAndNothingElse() throws {
        try AtomicFile.write([1, 2, 3], to: folder.file("a.png"))
        try AtomicFile.write([4], to: folder.file("a.png"))
        #expect(try names == ["a.png"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("a.png"))) == Data([4]))
    }

    @Test func doesNotReplaceWhenToldNotTo() throws {
        try AtomicFile.write([1], to: folder.file("a.png"), replacing: false)
        let text = message { try AtomicFile.write([2], to: folder.file("a.png"), replacing: false) }
        #expect(text.contains("a file of this name exists"))
        #expect(try names == ["a.png"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("a.png"))) == Data([1]))
    }

    @Test func aLinkStaysALinkAndItsFileIsReplaced() throws {
        try folder.write([1], to: "real.png")
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link.png"), withDestinationPath: folder.file("real.png"))
        try AtomicFile.write([9], to: folder.file("link.png"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("real.png"))) == Data([9]))
        let linked = try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link.png"))
        #expect(linked == folder.file("real.png"))
    }

    @Test func saysWhatToDoAboutABadPlace() throws {
        try folder.write([1], to: "file")
        try FileManager.default.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: true)
        let cases: [(path: String, words: String)] = [
            (folder.file("no/such/a.png"), "does not exist"), (folder.file("file/a.png"), "is not a folder"),
            (folder.file("sub"), "it is a folder"), (folder.file("sub/"), "not a file name"),
            ("", "not a file name"), ("/dev/full", "pipe or a device"),
            (folder.file(String(repeating: "n", count: 300)), "too long"),
        ]
        for (path, words) in cases {
            let text = message { try AtomicFile.write([1], to: path) }
            #expect(text.contains(words) && text.contains(";"), "\(path): \(text)")
        }
        #expect(try names == ["file", "sub"])
    }

    @Test func aFullDiskIsNoticedAndNamed() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let failure = writeAll([1, 2, 3], to: full)
        #expect(failure == ENOSPC)
        #expect(AtomicFile.writingError("a.png", failure).description.contains("the disk is full; make room"))
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
    func aFolderWithoutPermissionIsRefused() throws {
        chmod(folder.path, 0o500)
        defer { chmod(folder.path, 0o700) }
        #expect(message { try AtomicFile.write([1], to: folder.file("a.png")) }.contains("no permission"))
    }
}
