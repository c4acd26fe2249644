extension Image {
    /// The picture at another size, both sides scaled on their own, by Lanczos-3 with the filter widened when scaling
    /// down (Pillow's `resize(…, LANCZOS)`, to the byte). With alpha, colours are weighted by it.
    /// - Throws: `ImageError.invalid` if a size is not 1…`PNG.maximumSide`.
    package func resized(width: Int, height: Int) throws -> Image {
        try Image.checkSize(width, height)
        return resized(scaledWidth: width, scaledHeight: height, columns: 0..<width, rows: 0..<height)
    }

    /// The picture scaled, its shape kept, until it covers width × height, and the middle of it cut out: the longer
    /// side loses equally at both ends (diffusers' `resize_mode="crop"`, to the byte).
    /// - Throws: `ImageError.invalid` if a size is not 1…`PNG.maximumSide`.
    package func fitted(width: Int, height: Int) throws -> Image {
        try Image.checkSize(width, height)
        // The side that fits exactly; the other is rounded down, which still covers.
        let isWider = width * self.height > self.width * height
        let scaledWidth = isWider ? width : self.width * height / self.height
        let scaledHeight = isWider ? self.height * width / self.width : height
        // Halves are each rounded down before the difference is taken, as diffusers does.
        let left = scaledWidth / 2 - width / 2
        let top = scaledHeight / 2 - height / 2
        return resized(
            scaledWidth: scaledWidth, scaledHeight: scaledHeight, columns: left..<left + width,
            rows: top..<top + height)
    }

    private static func checkSize(_ width: Int, _ height: Int) throws {
        guard 1...PNG.maximumSide ~= width, 1...PNG.maximumSide ~= height,
            width * height <= PNG.maximumPixels
        else {
            throw ImageError.invalid(
                "a picture cannot be resized to \(width)×\(height); a side has 1 to \(PNG.maximumSide) pixels, and a "
                    + "picture at most \(PNG.maximumPixels)")
        }
    }

    /// A window of the picture scaled to `scaledWidth` × `scaledHeight`. Only the window is computed: a strip of one
    /// pixel's height that must cover a square scales to something enormous.
    private func resized(scaledWidth: Int, scaledHeight: Int, columns: Range<Int>, rows: Range<Int>) -> Image {
        if scaledWidth == width && scaledHeight == height && columns.count == width && rows.count == height {
            return self
        }
        let horizontal = Resampling(from: width, to: scaledWidth, window: columns)
        let vertical = Resampling(from: height, to: scaledHeight, window: rows)
        let source = hasAlpha ? alphaMultiplied() : self
        let scaled = source.resampledRows(horizontal, only: vertical.sources).resampledColumns(vertical)
        return hasAlpha ? scaled.alphaDivided() : scaled
    }

    /// Scales each of the rows in `only`; the result has just those.
    private func resampledRows(_ resampling: Resampling, only rows: Range<Int>) -> Image {
        let newWidth = resampling.outputs.count
        let count = newWidth * rows.count * channels
        let result = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            pixels.withUnsafeBufferPointer { source in
                for y in rows {
                    var at = (y - rows.lowerBound) * newWidth * channels
                    for output in resampling.outputs {
                        let start = (y * width + output.start) * channels
                        for channel in 0..<channels {
                            target[at] = Resampling.sum(output.weights, source, start + channel, channels)
                            at += 1
                        }
                    }
                }
            }
            initialized = count
        }
        return Image(trusted: result, width: newWidth, height: rows.count, channels: channels)
    }

    /// Scales each column; the picture's rows are `resampling.sources`.
    private func resampledColumns(_ resampling: Resampling) -> Image {
        let rowCount = width * channels
        let count = rowCount * resampling.outputs.count
        let result = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            pixels.withUnsafeBufferPointer { source in
                for (y, output) in resampling.outputs.enumerated() {
                    let start = (output.start - resampling.sources.lowerBound) * rowCount
                    for x in 0..<rowCount {
                        target[y * rowCount + x] = Resampling.sum(output.weights, source, start + x, rowCount)
                    }
                }
            }
            initialized = count
        }
        return Image(trusted: result, width: width, height: resampling.outputs.count, channels: channels)
    }
}
