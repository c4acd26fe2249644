#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `torch.randn(n, device="cuda")` gives after `torch.manual_seed(seed)`: Philox4x32-10 (Salmon et al. 2011),
/// one counter a value, and Box–Muller. Equal up to the last bits, where the GPU's own logarithm and sine differ.
///
/// True as long as every value has a GPU thread of its own, so up to about 200 000 values a call.
package struct PhiloxGenerator: NoiseGenerator {
    private let key: (UInt32, UInt32)
    /// Grows by one a call.
    private var call: UInt32 = 0

    package init(seed: UInt64) {
        key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    }

    package mutating func restart(seed: UInt64) { self = PhiloxGenerator(seed: seed) }

    package mutating func fill(_ values: UnsafeMutableBufferPointer<Float>) {
        for place in values.indices {
            let index = UInt64(place)
            let words = Self.philox(
                SIMD4(call, 0, UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32)),
                key)
            let u = Float(words[0]) * 0x1p-32 + 0x1p-33
            let v = Float(words[1]) * (2 * Float.pi * 0x1p-32) + 2 * Float.pi * 0x1p-33
            values[place] = (-2 * log(u)).squareRoot() * sin(v)
        }
        call &+= 1
    }

    private static func philox(_ counter: SIMD4<UInt32>, _ key: (UInt32, UInt32)) -> SIMD4<UInt32> {
        var counter = counter
        var key = key
        for _ in 0..<10 {
            let (a, b) = (
                counter.x.multipliedFullWidth(by: 0xd251_1f53), counter.z.multipliedFullWidth(by: 0xcd9e_8d57)
            )
            counter = SIMD4(b.high ^ counter.y ^ key.0, b.low, a.high ^ counter.w ^ key.1, a.low)
            key = (key.0 &+ 0x9e37_79b9, key.1 &+ 0xbb67_ae85)
        }
        return counter
    }
}
