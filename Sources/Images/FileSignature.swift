/// What a file that is not a PNG seems to be, from its first bytes, for the error message.
enum FileSignature {
    static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static let convert = "convert it to PNG first (for instance: magick picture picture.png)"
    private static let known: [(offset: Int, bytes: [UInt8], name: String)] = [
        (0, [0xFF, 0xD8, 0xFF], "it looks like a JPEG"),
        (0, Array("GIF8".utf8), "it looks like a GIF"),
        (8, Array("WEBP".utf8), "it looks like a WebP"),
        (0, Array("BM".utf8), "it looks like a BMP"),
        (0, [0x49, 0x49, 0x2A, 0x00], "it looks like a TIFF"),
        (0, [0x4D, 0x4D, 0x00, 0x2A], "it looks like a TIFF"),
        (4, Array("ftypavi".utf8), "it looks like an AVIF"),
        (4, Array("ftyphei".utf8), "it looks like a HEIC"),
        (4, Array("ftypmif1".utf8), "it looks like a HEIC"),
        (0, [0xFF, 0x0A], "it looks like a JPEG XL"),
        (0, [0x00, 0x00, 0x00, 0x0C, 0x4A, 0x58, 0x4C, 0x20], "it looks like a JPEG XL"),
        (0, Array("8BPS".utf8), "it looks like a Photoshop file"),
        (0, Array("%PDF".utf8), "it looks like a PDF"),
        (0, Array("<svg".utf8), "it looks like an SVG"),
    ]

    /// - Parameter bytes: the first 64 bytes or fewer.
    static func describe(_ bytes: [UInt8]) -> (looksLike: String, advice: String) {
        if bytes.isEmpty { return ("the file is empty", "save or copy it again") }
        if bytes.count < png.count && png.starts(with: bytes) {
            return ("it ends after \(bytes.count) bytes", "save or copy it again")
        }
        for entry in known where bytes.dropFirst(entry.offset).starts(with: entry.bytes) {
            return (entry.name, convert)
        }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) || bytes.starts(with: [0x50, 0x4E, 0x47, 0x0D]) {
            return (
                "it was a PNG, but a transfer as text has changed its bytes",
                "copy it again, as a binary file"
            )
        }
        let start = String(decoding: bytes, as: UTF8.self)
        if start.hasPrefix("version https://git-lfs") {
            return ("it is a Git LFS pointer, not the picture itself", "fetch the picture with: git lfs pull")
        }
        let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
        if isText { return ("it looks like text", "give the path of a PNG file") }
        return ("its first bytes are of no known picture format", convert)
    }
}
