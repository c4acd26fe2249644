/// An 8-bit picture. Pixels are row-major and interleaved, [height, width, channels]; channels is 1 (grey), 3 (RGB)
/// or 4 (RGBA, alpha not multiplied in).
package struct Image: Sendable, Equatable {
    package let width: Int
    package let height: Int
    package let channels: Int
    /// width · height · channels values. Change values in place, not their number.
    package var pixels: [UInt8]

    /// - Throws: `ImageError.invalid` if a size is below 1, channels is not 1, 3 or 4, or the count is not
    ///   width · height · channels.
    package init(width: Int, height: Int, channels: Int, pixels: [UInt8]) throws {
        let expected = try Image.count(width: width, height: height, channels: channels)
        guard pixels.count == expected else {
            throw ImageError.invalid(
                "a \(width)×\(height) picture of \(channels) channels has \(expected) values, not \(pixels.count)"
            )
        }
        self.init(trusted: pixels, width: width, height: height, channels: channels)
    }

    /// For pixels whose count is right by construction.
    init(trusted pixels: [UInt8], width: Int, height: Int, channels: Int) {
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// width · height · channels, checked.
    static func count(width: Int, height: Int, channels: Int) throws -> Int {
        guard width > 0, height > 0 else {
            throw ImageError.invalid(
                "a picture of \(width)×\(height) pixels cannot be; both must be 1 or more")
        }
        guard channels == 1 || channels == 3 || channels == 4 else {
            throw ImageError.invalid("a picture has 1, 3 or 4 channels, not \(channels)")
        }
        let (area, overflow) = width.multipliedReportingOverflow(by: height)
        let (count, overflowAgain) = area.multipliedReportingOverflow(by: channels)
        guard !overflow, !overflowAgain else {
            throw ImageError.invalid("a picture of \(width)×\(height) pixels is too large")
        }
        return count
    }

    /// Whether the picture has an alpha channel.
    package var hasAlpha: Bool { channels == 4 }
}

extension Image {
    /// Figures that tell a picture from a flat or broken one, over all values of all channels.
    package struct Statistics: Sendable, Equatable {
        package let minimum: UInt8
        package let maximum: UInt8
        package let mean: Double
        /// Of the whole population, in units of one 255th.
        package let standardDeviation: Double
    }

    package var statistics: Statistics {
        var histogram = [Int](repeating: 0, count: 256)
        for value in pixels { histogram[Int(value)] += 1 }
        let count = Double(pixels.count)
        var sum = 0.0
        var squares = 0.0
        for (value, times) in histogram.enumerated() {
            sum += Double(value) * Double(times)
            squares += Double(value * value) * Double(times)
        }
        let mean = sum / count
        return Statistics(
            minimum: UInt8(histogram.firstIndex { $0 > 0 } ?? 0),
            maximum: UInt8(histogram.lastIndex { $0 > 0 } ?? 0),
            mean: mean, standardDeviation: max(0, squares / count - mean * mean).squareRoot())
    }
}
