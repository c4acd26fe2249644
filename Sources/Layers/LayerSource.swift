import Checkpoints
import Tensors

/// Where a layer comes from: the weights under its key prefix, and the machine that they are packed for.
package struct LayerSource {
    package private(set) var weights: Weights
    package let compute: Compute
    /// Side in pixels of the maps that layers will work on when pictures have the model's own size; 0 if unknown. Their
    /// speed depends on it, not their results.
    package private(set) var side = 0
    /// What the operands of linear layers are stored as.
    package private(set) var linearOperands: Element

    package init(_ weights: Weights, compute: Compute) {
        self.weights = weights
        self.compute = compute
        linearOperands = compute.operands
    }

    /// The same source, for layers that work on maps of this side.
    package func expecting(side: Int) -> LayerSource {
        var source = self
        source.side = side
        return source
    }

    /// The same source, for linear layers of such operands.
    package func multiplying(_ operands: Element) -> LayerSource {
        var source = self
        source.linearOperands = operands
        return source
    }

    /// The source of the layer called `key` under this one.
    package func callAsFunction(_ key: String) -> LayerSource {
        var source = self
        source.weights = weights.scoped(key)
        return source
    }

    /// The source of element `index` of a module list.
    package func callAsFunction(_ key: String, _ index: Int) -> LayerSource { self("\(key).\(index)") }

    /// A weight in the form that its file has it in, all of whose values are finite.
    ///
    /// - Throws: `CheckpointError` that names the tensor
    func stored(_ key: String, shape: [Int]) throws -> StoredTensor {
        let stored = try weights.stored(key, shape: shape)
        // Who only plans reads no values. The kernels will read them next, so that this brings them into the cache.
        if compute.arena.isPlanning { return stored }
        guard compute.isFinite(stored) else { throw weights.notFinite(key) }
        if compute.weights != nil { stored.release() }
        return stored
    }

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
