import CPNG

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension PNG {
    /// Reads a picture: any PNG of 1, 2, 4, 8 or 16 bits, grey, palette or colour, with or without transparency,
    /// interlaced or not. 16 bits become 8 by their high byte and gamma is left alone, both as Pillow does.
    ///
    /// The result has as few channels as the file: 1 for grey, 3 for RGB and palettes, 4 where there is any
    /// transparency (an alpha channel, or a tRNS chunk). It is turned upright as its Exif orientation says.
    /// - Throws: `ImageError`.
    package static func read(_ path: String) throws -> Image { try read(.file(path)) }

    /// Reads a picture from the bytes of its file.
    ///
    /// - Parameter name: what errors call it
    /// - Throws: `ImageError`.
    package static func read(_ bytes: [UInt8], name: String) throws -> Image { try read(.bytes(bytes, name: name)) }

    private static func read(_ source: PNGSource) throws -> Image {
        // libpng itself needs two rows and zlib's window, and room for Exif data.
        let reader = try PNGReader(source, keepsText: false, memoryLimit: 32 << 20)
        let header = try reader.readHeader()
        let pixels = try reader.readPixels(header)
        try reader.readEnd()
        let image = try Image(
            width: Int(header.width), height: Int(header.height), channels: Int(header.channels),
            pixels: pixels)
        return image.upright(from: reader.orientation)
    }

    /// Reads the text chunks, in the order of the file: iTXt as UTF-8, and so tEXt and zTXt where their text is UTF-8
    /// beyond ASCII, as some programs write it; else as Latin-1, as the specification has it.
    /// - Throws: `ImageError`.
    package static func readText(_ path: String) throws -> [(keyword: String, text: String)] {
        let reader = try PNGReader(.file(path), keepsText: true, memoryLimit: maximumTextBytes)
        _ = try reader.readHeader()
        try reader.readEnd()
        return reader.texts
    }

    /// The text of a tEXt or zTXt chunk.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        let isASCII = bytes.allSatisfy { $0 < 0x80 }
        if !isASCII, let text = String(validating: bytes, as: UTF8.self) { return text }
        return latin1(bytes)
    }
}

/// Where a picture's bytes come from.
private enum PNGSource {
    case file(String)
    case bytes([UInt8], name: String)
}

/// One file being read by libpng, closed when the value goes away.
private struct PNGReader: ~Copyable {
    private let handle: OpaquePointer
    private let path: String
    private let keepsText: Bool

    init(_ source: PNGSource, keepsText: Bool, memoryLimit: Int) throws {
        let (opened, path) = try PNGReader.open(source, keepsText, memoryLimit)
        guard let opened else { throw ImageError.outOfMemory(path: path) }
        handle = opened
        self.path = path
        self.keepsText = keepsText
    }

    private static func open(
        _ source: PNGSource, _ keepsText: Bool, _ memoryLimit: Int
    ) throws -> (OpaquePointer?, path: String) {
        switch source {
        case .file(let path):
            let file = try openPicture(path)
            try check(firstBytes(file, count: 64), size: file.size, path)
            return (cpng_reader_open(file.handedOver(), keepsText, memoryLimit), path)
        case .bytes(let bytes, let name):
            try check(Array(bytes.prefix(64)), size: bytes.count, name)
            return (cpng_reader_open_bytes(bytes, bytes.count, keepsText, memoryLimit), name)
        }
    }

    /// - Parameter start: the file's first bytes
    private static func check(_ start: [UInt8], size: Int, _ path: String) throws {
        guard start.starts(with: FileSignature.png) else {
            let (looksLike, advice) = FileSignature.describe(start)
            throw ImageError.notPNG(path: path, looksLike: looksLike, advice: advice)
        }
        guard let header = PNGHeader(start) else { return }
        guard !PNG.isTooLarge(width: header.width, height: header.height) else {
            throw ImageError.tooLarge(path: path, width: header.width, height: header.height)
        }
        guard header.canFit(inFileOf: size) else { throw ImageError.truncated(path: path) }
    }

    deinit { cpng_reader_close(handle) }

    func readHeader() throws -> cpng_header {
        var header = cpng_header()
        guard cpng_reader_read_header(handle, &header) else { throw failure }
        // Again, in case the file has changed in between.
        guard !PNG.isTooLarge(width: Int(header.width), height: Int(header.height)) else {
            throw ImageError.tooLarge(path: path, width: Int(header.width), height: Int(header.height))
        }
        return header
    }

    func readPixels(_ header: cpng_header) throws -> [UInt8] {
        let rowBytes = Int(header.width) * Int(header.channels)
        let count = rowBytes * Int(header.height)
        // An array that is larger than what is left would end the program.
        guard let probe = malloc(max(count, 1)) else { throw ImageError.outOfMemory(path: path) }
        free(probe)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard cpng_reader_read_pixels(handle, buffer.baseAddress, rowBytes) else { throw failure }
            initialized = count
        }
    }

    func readEnd() throws {
        guard cpng_reader_read_end(handle) else { throw failure }
    }

    var texts: [(keyword: String, text: String)] {
        (0..<cpng_reader_text_count(handle)).map { index in
            let text = cpng_reader_text(handle, index)
            let bytes = UnsafeRawBufferPointer(start: text.text, count: text.count)
            let keyword = UnsafeRawBufferPointer(
                start: text.keyword, count: text.keyword.map(stringLength) ?? 0)
            return (latin1(keyword), text.is_utf8 ? String(decoding: bytes, as: UTF8.self) : PNG.text(bytes))
        }
    }

    /// How the camera was held; after the end.
    var orientation: ExifOrientation {
        var count = 0
        let bytes = cpng_reader_exif(handle, &count)
        return ExifOrientation(exif: UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
    }

    private var failure: ImageError {
        switch cpng_reader_failure(handle) {
        case cpng_failure_truncated:
            return .truncated(path: path)
        case cpng_failure_input:
            return readingError(path, cpng_reader_errno(handle))
        case cpng_failure_memory:
            return .outOfMemory(path: path)
        case cpng_failure_limit:
            return keepsText
                ? .tooMuchText(path: path)
                : .damaged(path: path, detail: "reading it takes more memory than any picture needs")
        default:
            let detail = String(cString: cpng_reader_message(handle))
            if detail == "Not enough image data" { return .truncated(path: path) }
            // libpng has one word for a packed text that ends early and for one that it stopped unpacking.
            let isText = detail == "zTXt: truncated" || detail == "iTXt: truncated"
            let limit = "over \(PNG.maximumTextBytes >> 20) MB when unpacked"
            return .damaged(path: path, detail: isText ? "\(detail), or \(limit)" : detail)
        }
    }
}

private func stringLength(_ string: UnsafePointer<CChar>) -> Int {
    var length = 0
    while string[length] != 0 { length += 1 }
    return length
}

/// Latin-1 is the first 256 code points.
private func latin1(_ bytes: UnsafeRawBufferPointer) -> String {
    var result = String.UnicodeScalarView()
    result.append(contentsOf: bytes.lazy.map { Unicode.Scalar($0) })
    return String(result)
}
