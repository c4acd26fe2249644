import TestSupport

typealias SplitMix = TestSupport.SplitMix

extension SplitMix {
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
