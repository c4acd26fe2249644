#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The beta distribution on 0…1, with a density of x^(α − 1)·(1 − x)^(β − 1) up to a constant.
struct BetaDistribution {
    let alpha: Double
    let beta: Double
    /// The complete beta function B(α, β).
    private let whole: Double

    init(alpha: Double, beta: Double) {
        (self.alpha, self.beta) = (alpha, beta)
        whole = tgamma(alpha) * tgamma(beta) / tgamma(alpha + beta)
    }

    /// The x below which the part `probability` of the distribution lies (scipy.stats.beta.ppf).
    ///
    /// Newton's method, kept between bounds that close in.
    func quantile(_ probability: Double) -> Double {
        guard probability > 0 else { return 0 }
        guard probability < 1 else { return 1 }
        // To the bit: which of two training steps is the nearest hangs on it.
        guard alpha != beta || probability != 0.5 else { return 0.5 }
        var (low, high) = (0.0, 1.0)
        var x = 0.5
        for _ in 0..<200 {
            let excess = cumulative(x) - probability
            if excess == 0 { return x }
            if excess < 0 { low = x } else { high = x }
            let density = pow(x, alpha - 1) * pow(1 - x, beta - 1) / whole
            let next = x - excess / density
            let bounded = next > low && next < high ? next : (low + high) / 2
            if abs(bounded - x) <= 1e-16 * x { return bounded }
            x = bounded
        }
        return x
    }

    /// The part of the distribution below x: the regularised incomplete beta function.
    func cumulative(_ x: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        let front = pow(x, alpha) * pow(1 - x, beta) / whole
        // The fraction converges fast below the mean; above it the other tail is the shorter way.
        return x < (alpha + 1) / (alpha + beta + 2)
            ? front * Self.fraction(x, alpha, beta) / alpha : 1 - front * Self.fraction(1 - x, beta, alpha) / beta
    }

    /// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8), by Lentz's method.
    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        func kept(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var numerator = 1.0
        var denominator = 1 / kept(1 - (a + b) * x / (a + 1))
        var value = denominator
        for index in 1...500 {
            let m = Double(index)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            var change = 1.0
            for term in [even, odd] {
                denominator = 1 / kept(1 + term * denominator)
                numerator = kept(1 + term / numerator)
                change = numerator * denominator
                value *= change
            }
            if abs(change - 1) < 1e-16 { break }
        }
        return value
    }
}
