/// Logarithm, sine and cosine in float32 with the polynomials of the Cephes library, operation by operation as
/// torch's vector code has them (ATen's avx_mathfun.h), multiplications fused where its compiler fuses them. A
/// better approximation would give other bits, and so other noise.
enum CephesMath {
    /// - Parameter x: normal and above 0.
    static func log(_ x: Float) -> Float {
        // x = m·2ᵉ with m in √½..<√2
        let bits = x.bitPattern
        var exponent = Float(Int32(bits >> 23) - 127) + 1
        var m = Float(bitPattern: (bits & 0x007f_ffff) | 0x3f00_0000)
        if m < 0.707106781186547524 {
            exponent -= 1
            m = (m - 1) + m
        } else {
            m -= 1
        }
        let square = m * m
        var y: Float = 7.0376836292E-2
        y = fused(y, m, -1.1514610310E-1)
        y = fused(y, m, 1.1676998740E-1)
        y = fused(y, m, -1.2420140846E-1)
        y = fused(y, m, 1.4249322787E-1)
        y = fused(y, m, -1.6668057665E-1)
        y = fused(y, m, 2.0000714765E-1)
        y = fused(y, m, -2.4999993993E-1)
        y = fused(y, m, 3.3333331174E-1)
        y = y * m
        // log 2 in two parts, the first exact in few bits
        y = fused(y, square, exponent * -2.12194440e-4)
        y = fused(-square, 0.5, y)
        return fused(exponent, 0.693359375, m + y)
    }

    /// - Parameter x: 0...2π
    static func sincos(_ x: Float) -> (sine: Float, cosine: Float) {
        // The octant, made even: x = octant·π/4 + r with |r| ≤ π/4
        let octant = (Int32(x * 1.27323954473516) + 1) & ~1
        let count = Float(octant)
        var r = fused(count, -0.78515625, x)
        r = fused(count, -2.4187564849853515625e-4, r)
        r = fused(count, -3.77489497744594108e-8, r)
        let z = r * r

        var cosine: Float = 2.443315711809948E-005
        cosine = fused(cosine, z, -1.388731625493765E-003)
        cosine = fused(cosine, z, 4.166664568298827E-002)
        cosine = cosine * z
        cosine = fused(cosine, z, -(z * 0.5)) + 1

        var sine: Float = -1.9515295891E-4
        sine = fused(sine, z, 8.3321608736E-3)
        sine = fused(sine, z, -1.6666654611E-1)
        sine = fused(sine * z, r, r)

        let swaps = octant & 2 != 0
        let (forSine, forCosine) = swaps ? (cosine, sine) : (sine, cosine)
        return (
            octant & 4 != 0 ? -forSine : forSine,
            (octant &- 2) & 4 == 0 ? -forCosine : forCosine
        )
    }

    /// a·b + c, rounded once
    private static func fused(_ a: Float, _ b: Float, _ c: Float) -> Float { c.addingProduct(a, b) }
}
