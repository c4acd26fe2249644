import CPNG

extension PNG {
    /// The bytes of a PNG file: 8 bits a channel, not interlaced, the texts before the pixels. The same picture and
    /// texts give the same bytes: fixed compression, no time of writing.
    ///
    /// A text goes out as tEXt if Latin-1 can hold it, else as iTXt, as Pillow's `PngInfo.add_text` does; also as iTXt if
    /// its Latin-1 could be taken for UTF-8. A NUL, which PNG texts cannot hold, becomes U+FFFD.
    /// - Throws: `ImageError.invalid` for a keyword that PNG does not allow (1–79 printable Latin-1 characters, no
    ///   spaces at the ends or side by side), for texts over `maximumTextBytes`, and for a picture over the limits.
    package static func encode(_ image: Image, text: [(keyword: String, text: String)]) throws -> [UInt8] {
        guard image.pixels.count == image.width * image.height * image.channels else {
            throw ImageError.invalid("the picture's values do not fit its size")
        }
        guard !isTooLarge(width: image.width, height: image.height) else {
            throw ImageError.invalid(
                "a picture of \(image.width)×\(image.height) is over the limit of \(maximumSide) pixels a side and "
                    + "\(maximumPixels) in all")
        }
        let chunks = try text.map { try TextChunk(keyword: $0.keyword, text: $0.text) }
        // Half of what reading allows, as libpng holds a text twice while it reads.
        guard chunks.reduce(0, { $0 + $1.bytes.count }) <= maximumTextBytes / 2 else {
            throw ImageError.invalid(
                "the texts for the picture take over \(maximumTextBytes >> 21) MB; shorten them")
        }
        return try encode(image, chunks: chunks)
    }

    /// Writes a picture so that the file appears whole or not at all; see `AtomicFile`.
    /// - Parameter replacing: whether a file of this name may be replaced.
    /// - Throws: `ImageError`; then what was at the path is as before, and nothing else is left behind.
    package static func write(
        _ image: Image, text: [(keyword: String, text: String)] = [], to path: String, replacing: Bool = true
    ) throws {
        try AtomicFile.write(encode(image, text: text), to: path, replacing: replacing)
    }

    /// zlib's default; higher levels take several times as long for a few per cent.
    private static let compressionLevel: Int32 = 6

    private static func encode(_ image: Image, chunks: [TextChunk]) throws -> [UInt8] {
        guard
            let writer = cpng_writer_open(
                UInt32(image.width), UInt32(image.height), Int32(image.channels), compressionLevel)
        else { throw ImageError.invalid("not enough memory to encode a picture") }
        defer { cpng_writer_close(writer) }
        func check(_ success: Bool) throws {
            guard success else {
                let reason = String(cString: cpng_writer_message(writer))
                guard !reason.lowercased().contains("memory") else {
                    throw ImageError.invalid("not enough memory to encode the picture")
                }
                throw ImageError.invalid("the picture cannot be encoded (\(reason))")
            }
        }
        for chunk in chunks {
            try check(cpng_writer_add_chunk(writer, chunk.type, chunk.bytes, chunk.bytes.count))
        }
        try check(cpng_writer_add_pixels(writer, image.pixels, image.width * image.channels))
        var count = 0
        let bytes = cpng_writer_bytes(writer, &count)
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }
}

/// A tEXt or iTXt chunk (PNG specification, third edition, 11.3.3).
private struct TextChunk {
    let type: String
    let bytes: [UInt8]

    init(keyword: String, text: String) throws {
        let scalars = text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }
        let key = try TextChunk.checked(keyword)
        let latin1 = scalars.compactMap { UInt8(exactly: $0.value) }
        if latin1.count == scalars.count, latin1.withUnsafeBytes(PNG.text).unicodeScalars.elementsEqual(scalars) {
            type = "tEXt"
            bytes = key + [0] + latin1
        } else {
            var repaired = String.UnicodeScalarView()
            repaired.append(contentsOf: scalars)
            type = "iTXt"
            // After the keyword: not compressed, method 0, no language, no translated keyword.
            bytes = key + [0, 0, 0, 0, 0] + Array(String(repaired).utf8)
        }
    }

    private static func checked(_ keyword: String) throws -> [UInt8] {
        let scalars = Array(keyword.unicodeScalars)
        let isPrintable = scalars.allSatisfy {
            (0x20...0x7E).contains($0.value) || (0xA1...0xFF).contains($0.value)
        }
        let hasDoubleSpace = zip(scalars, scalars.dropFirst()).contains { $0 == " " && $1 == " " }
        guard (1...79).contains(scalars.count), isPrintable, !hasDoubleSpace, scalars.first != " ",
            scalars.last != " "
        else {
            throw ImageError.invalid("\(shown(keyword)) cannot be the keyword of a text in a PNG file")
        }
        return scalars.map { UInt8($0.value) }
    }
}
