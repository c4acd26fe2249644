/// PNG files in and out, through libpng.
package enum PNG {
    /// The longest side that is read or written, in pixels.
    package static let maximumSide = 16_384
    /// The most pixels that are read or written: half a gigabyte as RGBA.
    package static let maximumPixels = 1 << 27
    /// The most memory that the text chunks of one file may take, unpacked, in bytes.
    package static let maximumTextBytes = 64 << 20

    static func isTooLarge(width: Int, height: Int) -> Bool {
        width > maximumSide || height > maximumSide || width * height > maximumPixels
    }
}

/// What the first chunk of a PNG says, read before libpng sees the file, so that a size over the limits and a file
/// that is something else get messages of their own.
struct PNGHeader {
    let width: Int
    let height: Int
    let bitsPerPixel: Int

    /// The bytes up to the end of the header chunk's fields.
    static let byteCount = 26

    /// nil if the bytes do not start with the signature and a header chunk; libpng then says what is wrong.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= PNGHeader.byteCount, bytes[12..<16].elementsEqual("IHDR".utf8) else {
            return nil
        }
        func bigEndian(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        width = bigEndian(16)
        height = bigEndian(20)
        let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[25]] ?? 1
        bitsPerPixel = samples * Int(bytes[24])
    }

    /// Whether a file of this many bytes can hold the picture at all: deflate packs at most 1032 to 1. This keeps a
    /// tiny file that claims to be huge from taking memory.
    func canFit(inFileOf size: Int) -> Bool {
        let raw = width * height * bitsPerPixel / 8
        return raw / 1032 <= size
    }
}
