#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bits of `torch.Generator('cpu').manual_seed(seed)` and `torch.randn(n, dtype=torch.float32)`, as torch gives
/// them on x86 with AVX2.
///
/// Torch has two ways (ATen's DistributionTemplates.h): 16 values and more are filled with 24-bit uniforms that
/// Box–Muller turns to normals in blocks of 16; fewer come one by one from a scalar Box–Muller in double precision,
/// whose second value is kept for the next call.
package struct TorchGenerator: NoiseGenerator {
    private var twister: MersenneTwister
    /// The second value of a scalar pair; outlives calls that go the other way.
    private var kept: Double?

    package init(seed: UInt64) { twister = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed)) }

    package mutating func restart(seed: UInt64) {
        twister.restart(seed: UInt32(truncatingIfNeeded: seed))
        kept = nil
    }

    package mutating func fill(_ values: UnsafeMutableBufferPointer<Float>) {
        let count = values.count
        guard count >= 16 else {
            for index in values.indices { values[index] = Float(scalarNormal()) }
            return
        }
        for index in values.indices { values[index] = uniform() }
        for start in stride(from: 0, through: count - 16, by: 16) { toNormals(values, start) }
        if count % 16 != 0 {
            // The rest is not a block: the last 16 values are drawn again and become one.
            for index in count - 16..<count { values[index] = uniform() }
            toNormals(values, count - 16)
        }
    }

    /// 0..<1 in steps of 2⁻²⁴
    private mutating func uniform() -> Float { Float(twister.next() & 0xff_ffff) * 0x1p-24 }

    /// 0..<1 in steps of 2⁻⁵³
    private mutating func uniformDouble() -> Double {
        let high = UInt64(twister.next())
        let word = high << 32 | UInt64(twister.next())
        return Double(word & 0x1f_ffff_ffff_ffff) * 0x1p-53
    }

    private mutating func scalarNormal() -> Double {
        if let value = kept {
            kept = nil
            return value
        }
        let angle = 2 * Double.pi * uniformDouble()
        let radius = (-2 * log1p(-uniformDouble())).squareRoot()
        kept = radius * sin(angle)
        return radius * cos(angle)
    }

    /// Box–Muller on 16 uniforms: the first eight are radii and become the cosines' values.
    private func toNormals(_ values: UnsafeMutableBufferPointer<Float>, _ start: Int) {
        let twoPi = Float(2 * Double.pi)
        for index in start..<start + 8 {
            let radius = (-2 * CephesMath.log(1 - values[index])).squareRoot()
            let (sine, cosine) = CephesMath.sincos(twoPi * values[index + 8])
            // Torch scales by 1 and shifts by 0, which turns −0 into 0.
            values[index] = radius * cosine + 0
            values[index + 8] = radius * sine + 0
        }
    }
}
