// Masks at the size of the latents, as other programs than diffusers bring them there.

extension Mask {
    /// As the webui does: by Pillow's bicubic filter on 8 bits, and rounded to 0 or 1.
    /// - Throws: `ImageError.invalid` if a size is below 1 or above the mask's own.
    package func bicubicRounded(width newWidth: Int, height newHeight: Int) throws -> Mask {
        try checkSmaller(newWidth, newHeight)
        let columns = Self.weights(from: width, to: newWidth, support: 2, Self.bicubic)
        let rows = Self.weights(from: height, to: newHeight, support: 2, Self.bicubic)
        let bytes = resampled(columns, rows) { ($0 * 255).rounded().clamped(0, 255) / 255 }
        return Mask(trusted: bytes.map { $0.rounded(.toNearestOrEven) }, width: newWidth, height: newHeight)
    }

    /// As ComfyUI does: by torch's bilinear interpolation, which looks at four values however large the factor is; fractions
    /// stay.
    /// - Throws: `ImageError.invalid` if a size is below 1 or above the mask's own.
    package func bilinear(width newWidth: Int, height newHeight: Int) throws -> Mask {
        try checkSmaller(newWidth, newHeight)
        func weights(_ from: Int, _ to: Int) -> [Weights] {
            let scale = Float(from) / Float(to)
            return (0..<to).map { position in
                let place = max(scale * (Float(position) + 0.5) - 0.5, 0)
                let low = min(Int(place), from - 1)
                let high = min(low + 1, from - 1)
                let weight = place - Float(low)
                return Weights(start: low, values: high > low ? [1 - weight, weight] : [1])
            }
        }
        let values = resampled(weights(width, newWidth), weights(height, newHeight)) { $0 }
        return Mask(trusted: values.map { $0.clamped(0, 1) }, width: newWidth, height: newHeight)
    }

    /// As stable-diffusion.cpp does: the largest of the values that a latent covers.
    /// - Throws: `ImageError.invalid` if a size is below 1 or above the mask's own.
    package func largest(width newWidth: Int, height newHeight: Int) throws -> Mask {
        try checkSmaller(newWidth, newHeight)
        var result: [Float] = []
        result.reserveCapacity(newWidth * newHeight)
        func covered(_ position: Int, _ from: Int, _ to: Int) -> Range<Int> {
            position * from / to..<min(from, ((position + 1) * from + to - 1) / to)
        }
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                var value: Float = 0
                for row in covered(y, height, newHeight) {
                    for column in covered(x, width, newWidth) { value = max(value, values[row * width + column]) }
                }
                result.append(value)
            }
        }
        return Mask(trusted: result, width: newWidth, height: newHeight)
    }

    /// The mask that the webui lays a painted picture over the original by: twice as strong as its blur.
    package func doubled() -> Mask {
        Mask(trusted: values.map { min($0 * 2, 1) }, width: width, height: height)
    }

    private struct Weights {
        var start: Int
        var values: [Float]
    }

    private func checkSmaller(_ newWidth: Int, _ newHeight: Int) throws {
        guard 1...width ~= newWidth, 1...height ~= newHeight else {
            throw ImageError.invalid("a \(width)×\(height) mask cannot be reduced to \(newWidth)×\(newHeight)")
        }
    }

    /// Rows first, then columns.
    private func resampled(_ columns: [Weights], _ rows: [Weights], rounding: (Float) -> Float) -> [Float] {
        var narrow: [Float] = []
        narrow.reserveCapacity(columns.count * height)
        for y in 0..<height {
            for column in columns {
                var sum: Float = 0
                for (index, weight) in column.values.enumerated() {
                    sum += weight * values[y * width + column.start + index]
                }
                narrow.append(rounding(sum))
            }
        }
        var result: [Float] = []
        result.reserveCapacity(columns.count * rows.count)
        for row in rows {
            for x in columns.indices {
                var sum: Float = 0
                for (index, weight) in row.values.enumerated() {
                    sum += weight * narrow[(row.start + index) * columns.count + x]
                }
                result.append(rounding(sum))
            }
        }
        return result
    }

    /// A filter that is widened where it scales down, as Pillow's are.
    private static func weights(from: Int, to: Int, support: Double, _ filter: (Double) -> Double) -> [Weights] {
        let scale = Double(from) / Double(to)
        let widening = max(scale, 1)
        return (0..<to).map { position in
            let centre = (Double(position) + 0.5) * scale
            let start = max(0, Int(centre - support * widening + 0.5))
            let end = max(min(from, Int(centre + support * widening + 0.5)), start + 1)
            let values = (start..<end).map { filter((Double($0) - centre + 0.5) / widening) }
            let sum = values.reduce(0, +)
            return Weights(start: min(start, from - 1), values: values.map { Float(sum == 0 ? $0 : $0 / sum) })
        }
    }

    /// Keys's cubic with a = −½.
    private static func bicubic(_ x: Double) -> Double {
        let (a, x) = (-0.5, abs(x))
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
        return 0
    }
}

extension Float {
    fileprivate func clamped(_ low: Float, _ high: Float) -> Float { min(max(self, low), high) }
}
