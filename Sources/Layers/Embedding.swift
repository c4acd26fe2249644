import Checkpoints
import Tensors

/// A table of vectors looked up by index; checkpoint key `weight` [count, channels].
package struct Embedding: Sendable {
    package let count: Int
    private let channels: Int
    private let table: FloatArray

    package init(_ source: LayerSource, count: Int, channels: Int) throws {
        table = try source.weights.read("weight", shape: [count, channels]) { FloatArray(Array($0)) }
        self.count = count
        self.channels = channels
    }

    /// Adds the vector of `index` to `row`, which holds at least `channels` values.
    ///
    /// - Precondition: 0 ≤ index < count; callers check what comes from outside.
    package func add(_ index: Int, to row: UnsafeMutablePointer<Float>) {
        table.withValues { values in
            for channel in 0..<channels { row[channel] += values[index * channels + channel] }
        }
    }
}
