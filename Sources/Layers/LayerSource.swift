import Checkpoints
import Tensors

/// Where a layer comes from: the weights under its key prefix, and the machine that they are packed for.
package struct LayerSource {
    package let weights: Weights
    package let compute: Compute

    package init(_ weights: Weights, compute: Compute) {
        self.weights = weights
        self.compute = compute
    }

    /// The source of the layer called `key` under this one.
    package func callAsFunction(_ key: String) -> LayerSource {
        LayerSource(weights.scoped(key), compute: compute)
    }

    /// The source of element `index` of a module list.
    package func callAsFunction(_ key: String, _ index: Int) -> LayerSource { self("\(key).\(index)") }

    /// A parameter that is used as it is.
    func array(_ key: String, count: Int) throws -> [Float] {
        try weights.read(key, shape: [count]) { Array($0) }
    }
}

extension StoredTensor: StoredValues {
    package var storedFormat: StoredFormat {
        switch format {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        }
    }
}
