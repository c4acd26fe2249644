#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The noise that a picture starts from: its seed's own, or near it. As the webui's ImageRNG draws it.
package struct StartingNoise: Sendable {
    /// Sizes of latents, [channels, height, width].
    package struct Size: Sendable, Equatable {
        package var channels: Int
        package var height: Int
        package var width: Int

        package init(channels: Int, height: Int, width: Int) {
            (self.channels, self.height, self.width) = (channels, height, width)
        }

        var count: Int { channels * height * width }
    }

    private let source: GeneratorName
    private let seed: UInt64
    private let variation: (seed: UInt64, strength: Double)?
    private let size: Size
    private let seedSize: Size

    /// - Parameters:
    ///   - variation: a second seed, and how much of its noise is mixed in, 0…1
    ///   - seedSize: the size at which the seed's noise is drawn; where that is another than `size`, it is laid into the
    ///     middle, and what is around it is drawn anew
    package init(
        _ source: GeneratorName, seed: UInt64, variation: (seed: UInt64, strength: Double)?, size: Size, seedSize: Size
    ) {
        (self.source, self.seed, self.variation) = (source, seed, variation)
        (self.size, self.seedSize) = (size, seedSize)
    }

    /// - Parameter generator: the run's own, begun with `seed`; later noise is drawn from it
    package func draw(from generator: inout any NoiseGenerator, in pool: SamplePool) -> Sample {
        guard variation != nil || seedSize != size else { return generator.normal(in: pool) }
        var noise = seedSize == size ? generator.normal(size.count) : fresh(seed)
        if let variation {
            noise = Self.mixed(noise, fresh(variation.seed), seedSize, strength: Float(variation.strength))
        }
        if seedSize != size {
            var whole = generator.normal(size.count)
            lay(noise, into: &whole)
            noise = whole
        }
        return Sample(noise, in: pool)
    }

    private func fresh(_ seed: UInt64) -> [Float] {
        var generator = source.generator(seed: seed)
        return generator.normal(seedSize.count)
    }

    /// The middles of both lie on each other; what is larger is cut off.
    private func lay(_ noise: [Float], into whole: inout [Float]) {
        func middle(_ outer: Int, _ inner: Int) -> (to: Int, from: Int, count: Int) {
            // Python's // rounds down, for negative numbers too.
            let margin = (outer - inner) >> 1
            return (max(margin, 0), max(-margin, 0), margin >= 0 ? inner : inner + 2 * margin)
        }
        let rows = middle(size.height, seedSize.height)
        let columns = middle(size.width, seedSize.width)
        for channel in 0..<size.channels {
            for row in 0..<max(rows.count, 0) {
                let to = (channel * size.height + rows.to + row) * size.width + columns.to
                let from = (channel * seedSize.height + rows.from + row) * seedSize.width + columns.from
                for column in 0..<max(columns.count, 0) { whole[to + column] = noise[from + column] }
            }
        }
    }

    /// Spherical interpolation from one noise to another, each column of each channel by itself: so the mixture is
    /// normal noise again, which a straight line between the two would not be.
    private static func mixed(_ first: [Float], _ second: [Float], _ size: Size, strength: Float) -> [Float] {
        var result = first
        for channel in 0..<size.channels {
            for column in 0..<size.width {
                let places = (0..<size.height).map { (channel * size.height + $0) * size.width + column }
                func product(_ a: [Float], _ b: [Float]) -> Float { places.reduce(0) { $0 + a[$1] * b[$1] } }
                let lengths = product(first, first).squareRoot() * product(second, second).squareRoot()
                let angle = acosf(min(max(product(first, second) / lengths, -1), 1))
                var shares = (sinf((1 - strength) * angle) / sinf(angle), sinf(strength * angle) / sinf(angle))
                // Columns of one direction, such as those of one seed with itself.
                if !(sinf(angle) > 1e-5) { shares = (1 - strength, strength) }
                for place in places { result[place] = shares.0 * first[place] + shares.1 * second[place] }
            }
        }
        return result
    }
}
