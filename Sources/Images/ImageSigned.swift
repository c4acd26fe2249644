extension Image {
    /// The values as the networks take them, [height, width, channels], 2 · x / 255 − 1 in float32
    /// (diffusers' VaeImageProcessor.preprocess).
    package var signed: [Float] {
        let table = (0..<256).map { 2 * (Float($0) / 255) - 1 }
        return pixels.map { table[Int($0)] }
    }

    /// From the networks' −1…1, [height, width, channels]: x / 2 + 1/2, clamped to 0…1, times 255, rounded half to
    /// even (diffusers' VaeImageProcessor.postprocess).
    /// - Parameter cuts: whether fractions are cut off instead, as other programs do
    /// - Throws: `ImageError.invalid` if the count is not height · width · channels, or a value is not finite: what
    ///   numpy makes of those is a black or speckled picture that hides the fault.
    package init(signed values: some Collection<Float>, width: Int, height: Int, channels: Int = 3, cuts: Bool = false)
        throws
    {
        let rule: FloatingPointRoundingRule = cuts ? .towardZero : .toNearestOrEven
        var allFinite = true
        // An array first: mapping over an unknown collection took eight times as long.
        let pixels = Array(values).map { value -> UInt8 in
            guard value.isFinite else {
                allFinite = false
                return 0
            }
            let unit = min(max(value * 0.5 + 0.5, 0), 1)
            return UInt8((unit * 255).rounded(rule))
        }
        guard allFinite else {
            throw ImageError.invalid("the picture holds values that are not numbers (NaN or infinite)")
        }
        try self.init(width: width, height: height, channels: channels, pixels: pixels)
    }
}
