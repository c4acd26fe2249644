#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Pseudo-random weights of any shape, for benchmarks without a file. They are scaled so that activations neither
/// grow nor vanish through a network: variance 1/fan-in for matrices and convolutions (fan-in = the product of all
/// dimensions but the first), close to 1 for one-dimensional `weight` (norms' scales), close to 0 for other
/// one-dimensional tensors (biases).
///
/// Speed matters more than quality (SDXL has 2.6e9 values): pieces of a table of 65,536 normals are strung
/// together, each beginning at another place, so that no two rows of a matrix are alike.
final class RandomTensors: Sendable {
    static let path = "random weights"

    private static let tableCount = 65_536
    /// Prime, so that pieces and rows of a matrix do not fall into step.
    private static let pieceCount = 4_093
    private let seed: UInt64
    private let normals: [Float]

    init(seed: UInt64) {
        self.seed = seed
        var generator = SplitMix64(state: seed)
        var normals: [Float] = []
        normals.reserveCapacity(Self.tableCount)
        while normals.count < Self.tableCount {
            // Box–Muller; 1 − u keeps the logarithm away from 0.
            let radius = (-2 * log(1 - generator.unit())).squareRoot()
            let angle = 2 * Double.pi * generator.unit()
            normals.append(Float(radius * cos(angle)))
            normals.append(Float(radius * sin(angle)))
        }
        self.normals = normals
    }

    func stored(_ key: String, shape: [Int]) throws -> StoredTensor {
        guard let count = checkedCount(shape) else {
            throw CheckpointError(path: Self.path, tensor: key, problem: "its shape \(shape) is impossible")
        }
        let (mean, deviation) = distribution(key, shape)
        // FNV-1a over the key.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01B3 }
        var generator = SplitMix64(state: hash ^ seed)
        return try StoredTensor.filling(count, path: Self.path, tensor: key) {
            fill($0, mean, deviation, &generator)
        }
    }

    private func distribution(_ key: String, _ shape: [Int]) -> (mean: Float, deviation: Float) {
        guard shape.count >= 2 else {
            let isScale = key == "weight" || key.hasSuffix(".weight")
            return (isScale ? 1 : 0, 0.02)
        }
        // In floating point: a fan-in cannot overflow then, even when the first dimension is 0.
        let fanIn = shape.dropFirst().reduce(1.0) { $0 * Double($1) }
        return (0, Float(1 / max(fanIn, 1).squareRoot()))
    }

    private func fill(
        _ values: UnsafeMutableBufferPointer<Float>, _ mean: Float, _ deviation: Float,
        _ generator: inout SplitMix64
    ) {
        normals.withUnsafeBufferPointer { table in
            var index = 0
            while index < values.count {
                let piece = min(Self.pieceCount, values.count - index)
                let start = Int(generator.next() % UInt64(Self.tableCount - piece + 1))
                for offset in 0..<piece { values[index + offset] = mean + deviation * table[start + offset] }
                index += piece
            }
        }
    }
}

/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
