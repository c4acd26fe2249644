#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `numpy.random.RandomState(seed).standard_normal(n)` in float32: Marsaglia's polar method on MT19937.
///
/// NumPy takes seeds below 2³² only; of a longer one the lower 32 bits count.
package struct NumPyGenerator: NoiseGenerator {
    private var twister: MersenneTwister
    private var kept: Double?

    package init(seed: UInt64) { twister = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed)) }

    package mutating func restart(seed: UInt64) {
        twister.restart(seed: UInt32(truncatingIfNeeded: seed))
        kept = nil
    }

    package mutating func fill(_ values: UnsafeMutableBufferPointer<Float>) {
        for index in values.indices { values[index] = Float(next()) }
    }

    private mutating func next() -> Double {
        if let value = kept {
            kept = nil
            return value
        }
        while true {
            let (x, y) = (2 * uniform() - 1, 2 * uniform() - 1)
            let square = x * x + y * y
            guard square < 1, square != 0 else { continue }
            let scale = (-2 * log(square) / square).squareRoot()
            kept = scale * x
            return scale * y
        }
    }

    /// 0..<1 in steps of 2⁻⁵³
    private mutating func uniform() -> Double {
        let (high, low) = (Double(twister.next() >> 5), Double(twister.next() >> 6))
        return (high * 67_108_864 + low) / 9_007_199_254_740_992
    }
}
