/// Where a picture is repainted: 0 keeps (black), 1 repaints (white), values between mix.
package struct Mask: Sendable, Equatable {
    package let width: Int
    package let height: Int
    /// [height, width], each 0…1.
    package let values: [Float]

    /// - Throws: `ImageError.invalid` if a size is below 1, the count is not width · height, or a value is not 0…1.
    package init(width: Int, height: Int, values: [Float]) throws {
        let expected = try Image.count(width: width, height: height, channels: 1)
        guard values.count == expected, values.allSatisfy({ (0...1).contains($0) }) else {
            throw ImageError.invalid("a \(width)×\(height) mask has \(expected) values, each 0 to 1")
        }
        self.init(trusted: values, width: width, height: height)
    }

    init(trusted values: [Float], width: Int, height: Int) {
        self.width = width
        self.height = height
        self.values = values
    }

    /// The brightness of a picture, x / 255. A picture with alpha is laid over black first, so that what is transparent
    /// is kept: a mask painted in white on a transparent layer means what it looks like.
    ///
    /// A mask must be scaled in the same way as the picture that it belongs to: `Mask(picture.fitted(…))`.
    package init(_ picture: Image) {
        let grey = picture.composited(over: (0, 0, 0)).grey()
        let table = (0..<256).map { Float($0) / 255 }
        self.init(trusted: grey.pixels.map { table[Int($0)] }, width: grey.width, height: grey.height)
    }

    /// 0 below one half, 1 from there up (diffusers' VaeImageProcessor.binarize).
    package func binarized() -> Mask {
        Mask(trusted: values.map { $0 < 0.5 ? 0 : 1 }, width: width, height: height)
    }

    /// The share of the picture that is repainted, 0…1, after `binarized`. 0 means that nothing would change.
    package var repaintedShare: Double {
        Double(values.count { $0 >= 0.5 }) / Double(values.count)
    }

    /// The mask at the size of the latents: binarized, then the nearest value, as diffusers' inpainting does with
    /// `torch.nn.functional.interpolate` (for a whole factor: the upper left value of each square).
    /// - Throws: `ImageError.invalid` if a size is below 1 or above the mask's own.
    package func downsampled(width newWidth: Int, height newHeight: Int) throws -> Mask {
        guard 1...width ~= newWidth, 1...height ~= newHeight else {
            throw ImageError.invalid(
                "a \(width)×\(height) mask cannot be reduced to \(newWidth)×\(newHeight)")
        }
        // torch computes the position in float32.
        func source(_ position: Int, _ from: Int, _ to: Int) -> Int {
            min(Int(Float(position) * (Float(from) / Float(to))), from - 1)
        }
        let columns = (0..<newWidth).map { source($0, width, newWidth) }
        var result: [Float] = []
        result.reserveCapacity(newWidth * newHeight)
        for y in 0..<newHeight {
            let row = source(y, height, newHeight) * width
            for x in columns { result.append(values[row + x] < 0.5 ? 0 : 1) }
        }
        return Mask(trusted: result, width: newWidth, height: newHeight)
    }

    /// What an inpainting UNet sees of the picture: `signed` values, [height, width, channels], with those that will be
    /// repainted (mask ≥ 0.5) set to 0, mid-grey.
    /// - Throws: `ImageError.invalid` if the picture is not of the mask's size.
    package func erased(_ picture: Image) throws -> [Float] {
        try check(picture)
        var signed = picture.signed
        for (pixel, value) in values.enumerated() where value >= 0.5 {
            for channel in 0..<picture.channels { signed[pixel * picture.channels + channel] = 0 }
        }
        return signed
    }

    /// The original with the painted picture over it: the original's bytes where the mask is 0, the painted ones where
    /// it is 1, mixed between.
    /// - Throws: `ImageError.invalid` if sizes or channels differ.
    package func composite(original: Image, painted: Image) throws -> Image {
        try check(original)
        try check(painted)
        guard original.channels == painted.channels else {
            throw ImageError.invalid(
                "a picture of \(painted.channels) channels cannot be laid over one of \(original.channels)")
        }
        var result = original
        let channels = original.channels
        for (pixel, value) in values.enumerated() where value > 0 {
            for at in pixel * channels..<(pixel + 1) * channels {
                let from = Float(original.pixels[at])
                let mixed = from + (Float(painted.pixels[at]) - from) * value
                result.pixels[at] = UInt8(mixed.rounded(.toNearestOrEven))
            }
        }
        return result
    }

    private func check(_ picture: Image) throws {
        guard picture.width == width, picture.height == height else {
            throw ImageError.invalid(
                "the mask is \(width)×\(height) but the picture is \(picture.width)×\(picture.height); "
                    + "they must be of one size")
        }
    }
}
