/// A source of standard normal values that some other program has too.
package protocol NoiseGenerator: Sendable {
    /// Writes standard normal values. What is drawn depends on how many are asked for at a time.
    mutating func fill(_ values: UnsafeMutableBufferPointer<Float>)

    /// Begins anew, with another seed.
    mutating func restart(seed: UInt64)
}

extension NoiseGenerator {
    package mutating func normal(_ count: Int) -> [Float] {
        var values = [Float](repeating: 0, count: max(count, 0))
        values.withUnsafeMutableBufferPointer { fill($0) }
        return values
    }

    package mutating func normal(in pool: SamplePool) -> Sample { Sample(in: pool) { fill($0) } }
}

/// Whose values the noise has.
package enum GeneratorName: String, CaseIterable, Sendable, CustomStringConvertible {
    case torch, cuda, numpy

    package var description: String { rawValue }

    /// One line for `--help`.
    package var summary: String {
        switch self {
        case .torch: "PyTorch's on a CPU, bit for bit"
        case .cuda: "PyTorch's on a GPU, to a few bits"
        case .numpy: "NumPy's RandomState"
        }
    }

    package init(named name: String) throws {
        self = try lookUp(
            name, "random generator",
            in: [
                (.torch, ["torch", "cpu"]), (.cuda, ["cuda", "gpu", "nv", "philox"]),
                (.numpy, ["numpy", "np"]),
            ])
    }

    package func generator(seed: UInt64) -> any NoiseGenerator {
        switch self {
        case .torch: TorchGenerator(seed: seed)
        case .cuda: PhiloxGenerator(seed: seed)
        case .numpy: NumPyGenerator(seed: seed)
        }
    }
}
