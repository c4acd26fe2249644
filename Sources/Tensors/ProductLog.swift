import CKernels

/// The products of a run, as they are planned or computed: for the benchmark's table.
package struct ProductLog: Sendable {
    /// One shape of convolution or linear layer. A linear layer is a 1×1 convolution over rows.
    package struct Shape: Hashable, Sendable {
        package let algorithm: ConvolutionAlgorithm
        /// Of 8-bit integers.
        package let isInteger: Bool
        package let inChannels, outChannels, kernel, stride: Int
        package let batch, outHeight, outWidth: Int
    }

    package struct Entry: Sendable {
        package let shape: Shape
        package var calls = 0
        package var operations = 0.0
        package var packedBytes = 0
    }

    /// In the order in which the shapes first came.
    package private(set) var entries: [Entry] = []
    private var places: [Shape: Int] = [:]

    package init() {}

    mutating func add(
        _ c: limn_convolution, _ algorithm: ConvolutionAlgorithm, operations: Double, _ kernels: Kernels
    ) {
        let input = c.channels.0 + c.channels.1
        let shape = Shape(
            algorithm: algorithm, isInteger: c.element == LIMN_INT8, inChannels: input, outChannels: c.out_channels,
            kernel: c.kernel_height, stride: c.stride, batch: c.batch, outHeight: c.out_height, outWidth: c.out_width)
        let place = places[shape] ?? entries.count
        if place == entries.count {
            places[shape] = place
            entries.append(Entry(shape: shape))
        }
        entries[place].calls += 1
        entries[place].operations += operations
        entries[place].packedBytes += limn_packed_bytes(
            kernels.table, c.element, c.out_channels, input,
            limn_algorithm_points(c.algorithm, c.kernel_height * c.kernel_width), c.activation)
    }
}
