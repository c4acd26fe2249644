/// SplitMix64 (Steele et al. 2014): the tests' own source of numbers, the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform values of mean 0 and the given standard deviation.
    mutating func values(_ count: Int, deviation: Float = 1) -> [Float] {
        (0..<count).map { _ in
            (Float(next() >> 40) * 0x1p-23 - 1) * deviation * 1.7320508
        }
    }
}

/// Draws values in random order, each once before any comes again, so that a few hundred cases meet them all.
struct Deck<Value> {
    private let values: [Value]
    private var left: [Value] = []

    init(_ values: [Value]) { self.values = values }

    mutating func draw(_ random: inout SplitMix) -> Value {
        if left.isEmpty { left = values.shuffled(using: &random) }
        return left.removeLast()
    }
}
