/// v / 255, rounded, for 0 ≤ v ≤ 255 · 255.
@inline(__always)
func dividedBy255(_ value: Int) -> UInt8 {
    let shifted = value + 128
    return UInt8(truncatingIfNeeded: (shifted + (shifted >> 8)) >> 8)
}

extension Image {
    /// Three channels: grey is repeated, alpha is dropped (to show what lies under it, use `composited` first).
    package func rgb() -> Image {
        guard channels != 3 else { return self }
        let result = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, initialized in
            for pixel in 0..<width * height {
                for channel in 0..<3 {
                    buffer[pixel * 3 + channel] = pixels[pixel * channels + (channels == 1 ? 0 : channel)]
                }
            }
            initialized = width * height * 3
        }
        return Image(trusted: result, width: width, height: height, channels: 3)
    }

    /// One channel: ITU-R 601 luma in Pillow's fixed point, (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶; alpha is dropped.
    package func grey() -> Image {
        guard channels != 1 else { return self }
        let result = (0..<width * height).map { pixel in
            let at = pixel * channels
            let (red, green, blue) = (Int(pixels[at]), Int(pixels[at + 1]), Int(pixels[at + 2]))
            return UInt8((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
        }
        return Image(trusted: result, width: width, height: height, channels: 1)
    }

    /// The picture laid over one colour, as RGB; a picture without alpha is returned as `rgb()`.
    package func composited(
        over background: (red: UInt8, green: UInt8, blue: UInt8) = (255, 255, 255)
    ) -> Image {
        guard hasAlpha else { return rgb() }
        let colour = [Int(background.red), Int(background.green), Int(background.blue)]
        let result = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, initialized in
            for pixel in 0..<width * height {
                let alpha = Int(pixels[pixel * 4 + 3])
                for channel in 0..<3 {
                    let value = Int(pixels[pixel * 4 + channel])
                    buffer[pixel * 3 + channel] = dividedBy255(
                        value * alpha + colour[channel] * (255 - alpha))
                }
            }
            initialized = width * height * 3
        }
        return Image(trusted: result, width: width, height: height, channels: 3)
    }

    /// RGBA with each colour multiplied by its alpha, so that colours under full transparency do not bleed when pixels
    /// are mixed.
    func alphaMultiplied() -> Image {
        var result = self
        for at in stride(from: 0, to: pixels.count, by: 4) {
            let alpha = Int(pixels[at + 3])
            for channel in 0..<3 {
                result.pixels[at + channel] = dividedBy255(Int(pixels[at + channel]) * alpha)
            }
        }
        return result
    }

    /// The inverse of `alphaMultiplied`, as far as 8 bits allow.
    func alphaDivided() -> Image {
        var result = self
        for at in stride(from: 0, to: pixels.count, by: 4) {
            let alpha = Int(pixels[at + 3])
            guard alpha != 0, alpha != 255 else { continue }
            for channel in 0..<3 {
                result.pixels[at + channel] = UInt8(min(255, Int(pixels[at + channel]) * 255 / alpha))
            }
        }
        return result
    }
}
