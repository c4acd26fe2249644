#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Mask {
    /// The largest blur, in pixels.
    package static let maximumBlur = 512.0

    /// How far a blur of this standard deviation reaches, in pixels: ⌊2.5 σ + 0.5⌋, as in the webui. Pixels further
    /// than this from anything white stay exactly 0.
    package static func reach(ofBlur sigma: Double) -> Int { Int(2.5 * sigma + 0.5) }

    /// A softened edge: a Gaussian of standard deviation σ in pixels, cut off at `reach`, first along the rows, then
    /// along the columns. Past the border the outermost values go on. 0 changes nothing.
    /// - Throws: `ImageError.invalid` if σ is not 0…`maximumBlur`.
    package func blurred(sigma: Double) throws -> Mask {
        guard (0...Mask.maximumBlur).contains(sigma) else {
            throw ImageError.invalid(
                "a mask blur of \(sigma) pixels is out of range; give 0 to \(Int(Mask.maximumBlur))")
        }
        let reach = Mask.reach(ofBlur: sigma)
        guard reach > 0 else { return self }
        let bell = (-reach...reach).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
        let sum = bell.reduce(0, +)
        let weights = bell.map { Float($0 / sum) }
        return blurredRows(weights, reach).blurredColumns(weights, reach).clamped()
    }

    private func blurredRows(_ weights: [Float], _ reach: Int) -> Mask {
        var result = [Float](repeating: 0, count: values.count)
        var padded = [Float](repeating: 0, count: width + 2 * reach)
        for y in 0..<height {
            for x in padded.indices { padded[x] = values[y * width + min(max(x - reach, 0), width - 1)] }
            for (offset, weight) in weights.enumerated() {
                for x in 0..<width { result[y * width + x] += weight * padded[x + offset] }
            }
        }
        return Mask(trusted: result, width: width, height: height)
    }

    private func blurredColumns(_ weights: [Float], _ reach: Int) -> Mask {
        var result = [Float](repeating: 0, count: values.count)
        for y in 0..<height {
            for (offset, weight) in weights.enumerated() {
                let row = min(max(y + offset - reach, 0), height - 1) * width
                for x in 0..<width { result[y * width + x] += weight * values[row + x] }
            }
        }
        return Mask(trusted: result, width: width, height: height)
    }

    /// Rounding lets a sum of weights miss 1 by a few units in the last place; what is all white stays exactly 1.
    private func clamped() -> Mask {
        Mask(trusted: values.map { $0 > 1 - 1e-6 ? 1 : $0 }, width: width, height: height)
    }
}
