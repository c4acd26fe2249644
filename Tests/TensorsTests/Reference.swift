import Glibc
import Tensors

/// What the kernels compute, written down plainly in double precision.
enum Reference {
    static func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
    static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }
    static func quickGELU(_ x: Double) -> Double { x / (1 + exp(-1.702 * x)) }

    /// One column of a product after its activation; `gate` matters to GEGLU only.
    static func activate(_ activation: Activation, _ x: Double, gate: Double) -> Double {
        switch activation {
        case .none: x
        case .silu: silu(x)
        case .gelu: gelu(x)
        case .quickGELU: quickGELU(x)
        case .geglu: x * gelu(gate)
        case .relu: max(0, x)
        }
    }

    /// x [rows, in] times the transpose of weight [out, in].
    static func product(_ x: [Float], _ weight: [Float], depth: Int) -> [Double] {
        let x = x.map(Double.init)
        let weight = weight.map(Double.init)
        return x.withUnsafeBufferPointer { x in
            weight.withUnsafeBufferPointer { weight in
                var sums: [Double] = []
                for row in 0..<x.count / depth {
                    for column in 0..<weight.count / depth {
                        var sum = 0.0
                        for k in 0..<depth { sum += x[row * depth + k] * weight[column * depth + k] }
                        sums.append(sum)
                    }
                }
                return sums
            }
        }
    }

    /// Attention of one head with rows [tokens, dim].
    static func attention(
        query: [Double], key: [Double], value: [Double], dim: Int, causal: Bool, scale: Double? = nil,
        bias: (_ query: Int, _ key: Int) -> Double = { _, _ in 0 }
    ) -> [Double] {
        let queries = query.count / dim
        let keys = key.count / dim
        var output = [Double](repeating: 0, count: queries * dim)
        for i in 0..<queries {
            let visible = causal ? min(keys, i + 1) : keys
            var scores = [Double](repeating: 0, count: visible)
            for j in 0..<visible {
                var sum = 0.0
                for d in 0..<dim { sum += query[i * dim + d] * key[j * dim + d] }
                scores[j] = sum * (scale ?? 1 / Double(dim).squareRoot()) + bias(i, j)
            }
            let largest = scores.max() ?? 0
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            for j in 0..<visible {
                let weight = weights[j] / total
                for d in 0..<dim { output[i * dim + d] += weight * value[j * dim + d] }
            }
        }
        return output
    }

    /// GELU by tanh, as BERT's and T5's authors had it.
    static func tanhGELU(_ x: Double) -> Double {
        0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }

    /// (x − mean) / √(variance + ε) of all values together.
    static func normalized(_ x: [Double], epsilon: Double) -> [Double] {
        let mean = x.reduce(0, +) / Double(x.count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        return x.map { ($0 - mean) / (variance + epsilon).squareRoot() }
    }
}
