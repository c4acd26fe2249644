import Images

/// A picture, 8 bits a channel: drawn by a model, or read from a file.
public struct Picture: Sendable, Equatable {
    let image: Image
    /// What made it, with seed, size and sampler filled in; nil for a picture from a file.
    public internal(set) var request: Request? {
        get { box?.request }
        set { box = newValue.map { RequestBox(request: $0) } }
    }
    /// The final latents, before the division by the scaling factor.
    public internal(set) var latents: Latents?
    public internal(set) var seconds = StageSeconds()
    var metadata: [(keyword: String, text: String)] = []
    /// A request may hold pictures and a picture a request, so one of them is behind a reference.
    private var box: RequestBox?

    init(image: Image) { self.image = image }

    public static func == (left: Picture, right: Picture) -> Bool { left.image == right.image }

    public var width: Int { image.width }
    public var height: Int { image.height }
    /// 1 grey, 3 RGB, 4 RGB and alpha.
    public var channels: Int { image.channels }
    /// Row by row, channels side by side.
    public var pixels: [UInt8] { image.pixels }

    /// - Parameter pixels: row by row; `channels` (1 grey, 3 RGB, 4 RGB and alpha) values a pixel
    /// - Throws: `LimnError` if their count does not fit
    public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) throws {
        image = try withLimnErrors {
            try Image(width: width, height: height, channels: channels, pixels: pixels)
        }
    }

    /// Reads a PNG file of any kind.
    ///
    /// - Throws: `LimnError` naming the file and what is wrong with it
    public init(contentsOf path: String) throws {
        image = try withLimnErrors { try PNG.read(path) }
    }

    /// Reads a PNG file's bytes, as they came over a pipe or a network.
    ///
    /// - Parameter name: what errors call it
    /// - Throws: `LimnError` saying what is wrong with them
    public init(pngData: [UInt8], name: String = "picture") throws {
        image = try withLimnErrors { try PNG.read(pngData, name: name) }
    }

    /// Writes a PNG file that carries the request that made it (the webui's `parameters`, and an exact form that
    /// `Recipe` reads). The file appears whole or not at all.
    ///
    /// - Throws: `LimnError` if it cannot be written
    public func write(to path: String) throws {
        try withLimnErrors { try PNG.write(image, text: metadata, to: path) }
    }

    /// The PNG file's bytes.
    public func pngData() throws -> [UInt8] {
        try withLimnErrors { try PNG.encode(image, text: metadata) }
    }
}

private final class RequestBox: Sendable {
    let request: Request
    init(request: Request) { self.request = request }
}
