/// How a picture has to be turned to stand upright, as Exif's Orientation (tag 0x0112) says: 1 as it is, 2 mirrored, 3
/// upside down, 4 both, 5 to 8 lying on a side.
package struct ExifOrientation: Sendable, Equatable {
    static let upright = ExifOrientation(value: 1)
    /// 1 to 8.
    package let value: Int

    private init(value: Int) { self.value = value }

    /// Reads the first directory of Exif data, a TIFF file (TIFF 6.0, section 2): byte order, 42, the directory's place;
    /// there a count of entries of 12 bytes each, of which the last for the tag counts, as in Pillow. What is damaged, or
    /// says anything else than 2 to 8, is upright.
    package init(exif: UnsafeRawBufferPointer) {
        self = .upright
        guard exif.count >= 8 else { return }
        let isLittle = exif[0] == 0x49 && exif[1] == 0x49
        guard isLittle || exif[0] == 0x4D && exif[1] == 0x4D else { return }
        // nil beyond the end
        func number(_ place: Int, _ size: Int) -> Int? {
            guard place >= 0, place <= exif.count - size else { return nil }
            let bytes = exif[place..<place + size]
            return isLittle
                ? bytes.reversed().reduce(0) { $0 << 8 | Int($1) } : bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard number(2, 2) == 42, let directory = number(4, 4), let count = number(directory, 2) else { return }
        for index in 0..<count {
            let entry = directory + 2 + index * 12
            guard number(entry + 8, 4) != nil else { return }
            guard number(entry, 2) == 0x0112, number(entry + 4, 4) == 1, let type = number(entry + 2, 2),
                let size = Self.sizes[type], let value = number(entry + 8, size)
            else { continue }
            self.init(value: (1...8).contains(value) ? value : 1)
        }
    }

    /// Of the types that hold whole numbers: BYTE, SHORT, LONG.
    private static let sizes = [1: 1, 3: 2, 4: 4]

    /// Whether width and height change places.
    var isOnItsSide: Bool { value >= 5 }

    /// Where the upright picture's pixel (x, y) is in a picture of this size.
    func source(x: Int, y: Int, width: Int, height: Int) -> (x: Int, y: Int) {
        switch value {
        case 2: (width - 1 - x, y)
        case 3: (width - 1 - x, height - 1 - y)
        case 4: (x, height - 1 - y)
        case 5: (y, x)
        case 6: (y, height - 1 - x)
        case 7: (width - 1 - y, height - 1 - x)
        case 8: (width - 1 - y, x)
        default: (x, y)
        }
    }
}

extension Image {
    /// The picture turned upright, as Pillow's `ImageOps.exif_transpose` does.
    func upright(from orientation: ExifOrientation) -> Image {
        guard orientation != .upright else { return self }
        let (newWidth, newHeight) = orientation.isOnItsSide ? (height, width) : (width, height)
        let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, initialized in
            var next = 0
            for y in 0..<newHeight {
                for x in 0..<newWidth {
                    let from = orientation.source(x: x, y: y, width: width, height: height)
                    let start = (from.y * width + from.x) * channels
                    for channel in 0..<channels {
                        buffer[next] = pixels[start + channel]
                        next += 1
                    }
                }
            }
            initialized = next
        }
        return Image(trusted: turned, width: newWidth, height: newHeight, channels: channels)
    }
}
