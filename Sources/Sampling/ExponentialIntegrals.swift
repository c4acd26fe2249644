#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What exponential integrators weigh their predictions with: ∫₀ʰ l(s)·e^(rate·s) ds, where l is the Lagrange polynomial
/// that is 1 at a prediction's place and 0 at the others'.
struct ExponentialIntegrals {
    private let length: Double
    private let rate: Double

    init(over length: Double, rate: Double) {
        (self.length, self.rate) = (length, rate)
    }

    /// - Parameters:
    ///   - places: of the predictions, distinct, 0 where the step begins
    ///   - firstMoment: what stands for ∫₀ʰ s·e^(rate·s) ds; nil: its own value
    /// - Returns: one weight a prediction
    func weights(at places: [Double], firstMoment: Double? = nil) -> [Double] {
        var moments = places.indices.map(moment)
        if let firstMoment, moments.count > 1 { moments[1] = firstMoment }
        return places.indices.map { index in
            let polynomial = Self.lagrange(places, oneAt: index)
            return zip(polynomial, moments).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }

    /// ∫₀ʰ sᵏ·e^(rate·s) ds as a series, which keeps its digits where the step is short; the closed forms of the papers
    /// lose them.
    func moment(_ power: Int) -> Double {
        var term = pow(length, Double(power + 1))
        var sum = term / Double(power + 1)
        for n in 1..<400 {
            term *= rate * length / Double(n)
            let next = sum + term / Double(n + power + 1)
            if next == sum { break }
            sum = next
        }
        return sum
    }

    /// The coefficients, lowest power first, of the polynomial that is 1 at one place and 0 at the others.
    private static func lagrange(_ places: [Double], oneAt index: Int) -> [Double] {
        var polynomial = [1.0]
        for (other, place) in places.enumerated() where other != index {
            let distance = places[index] - place
            var product = [Double](repeating: 0, count: polynomial.count + 1)
            for (power, coefficient) in polynomial.enumerated() {
                product[power] -= place * coefficient / distance
                product[power + 1] += coefficient / distance
            }
            polynomial = product
        }
        return polynomial
    }
}
