import Checkpoints
import Tensors

/// A table of vectors looked up by index; checkpoint key `weight` [count, channels].
package struct Embedding: Sendable {
    package let count: Int
    private let channels: Int
    private let table: StoredTensor

    package init(_ source: LayerSource, count: Int, channels: Int) throws {
        // In the form that the file has it; few of its rows are ever looked up.
        let stored = try source.stored("weight", shape: [count, channels])
        let staysMapped = source.compute.weights != nil || source.compute.arena.isPlanning
        table = staysMapped ? stored : try stored.copied(path: source.weights.path)
        self.count = count
        self.channels = channels
    }

    /// Adds the vector of `index` to `row`, which holds at least `channels` values.
    ///
    /// - Precondition: 0 ≤ index < count; callers check what comes from outside.
    package func add(_ index: Int, to row: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { vector in
            guard let values = vector.baseAddress else { return }
            table.copy(index * channels..<(index + 1) * channels, to: values)
            for channel in 0..<channels { row[channel] += values[channel] }
        }
    }
}
