import CKernels

/// How a convolution walks over its input.
package struct ConvolutionGeometry: Sendable {
    package var stride = 1
    package var padTop = 0
    package var padLeft = 0
    /// Rows and columns of zeros below and to the right.
    package var padBottom = 0
    package var padRight = 0

    package init(stride: Int = 1, padding: Int = 0) {
        self.stride = stride
        (padTop, padLeft, padBottom, padRight) = (padding, padding, padding, padding)
    }
}

private struct ConversionJob {
    let table: OpaquePointer
    let x: UnsafePointer<Float>
    let channels: Int
    let second: UnsafePointer<Float>?
    let secondChannels: Int
    let rows: Int
    let output: UnsafeMutablePointer<UInt16>

    static let rowsPerTask = 64
}

private struct QuantisingJob {
    let table: OpaquePointer
    let element: limn_element
    let x: UnsafeRawPointer
    let channels: Int
    let rows: Int
    let output: UnsafeMutablePointer<UInt8>
    let scales: UnsafeMutablePointer<Float>

    static let rowsPerTask = 64
}

extension Compute {
    /// activation(conv(resize(concat(x, second))) + bias + batchBias) + residual.
    ///
    /// - Parameters:
    ///   - x: [batch, height, width, channels]
    ///   - second: concatenated to x along the channels without a copy
    ///   - resized: size to which the input is brought by nearest neighbour first, without a copy
    ///   - batchBias: [batch, 1, 1, out], added to every pixel of a picture
    ///   - residual: like the result
    ///   - precedesNorm: whether a norm is to follow, to which the result's statistics are of use
    /// - Returns: [batch, outHeight, outWidth, out]
    package func convolution(
        _ x: Tensor, _ second: Tensor? = nil, _ weights: PackedWeights, _ geometry: ConvolutionGeometry,
        resized: (height: Int, width: Int)? = nil, batchBias: Tensor? = nil, residual: Tensor? = nil,
        precedesNorm: Bool = false
    ) throws -> Tensor {
        guard weights.algorithm == .direct || geometry.stride == 1 else {
            throw TensorError("weights packed for \(weights.algorithm.rawValue) are of no use with a stride")
        }
        let (x, second) = try operands(x, second, of: weights)
        let size = resized ?? (x.height, x.width)
        if weights.algorithm == .subpixel {
            let pads = [geometry.padTop, geometry.padLeft, geometry.padBottom, geometry.padRight]
            guard size == (2 * x.height, 2 * x.width), pads.allSatisfy({ $0 == 1 }) else {
                throw TensorError("weights packed for a doubled picture are of no use with another")
            }
        }
        let height =
            (size.height + geometry.padTop + geometry.padBottom - weights.kernelHeight) / geometry.stride + 1
        let width =
            (size.width + geometry.padLeft + geometry.padRight - weights.kernelWidth) / geometry.stride + 1
        let output = try tensor(x.batch, height, width, weights.outChannels)
        // The kernels know addresses alone: what these belong to must not be released before they are done.
        defer { withExtendedLifetime((x, second, weights, batchBias, residual, output)) {} }
        var c = limn_convolution(
            algorithm: weights.algorithm.code, element: x.element.code, row_scales: nil,
            source: (UnsafeRawPointer(x.raw), second.map { UnsafeRawPointer($0.raw) }),
            channels: (x.channels, second?.channels ?? 0), batch: x.batch, in_height: x.height, in_width: x.width,
            resized_height: size.height, resized_width: size.width, kernel_height: weights.kernelHeight,
            kernel_width: weights.kernelWidth, stride: geometry.stride, pad_top: geometry.padTop,
            pad_left: geometry.padLeft, out_height: height, out_width: width, out_channels: weights.outChannels,
            spread: 1,
            weights: try weights.packed(self), bias: weights.bias,
            batch_bias: batchBias.map { UnsafePointer($0.pointer) },
            residual: residual.map { UnsafePointer($0.pointer) }, activation: weights.activation.code,
            output_element: output.element.code, output: output.raw, statistics: nil)
        if precedesNorm { try addStatistics(of: output, to: &c) }
        try product(weights.kernelHeight * weights.kernelWidth > 1 ? .convolution : .linear, c, weights.algorithm)
        return output
    }

    /// activation(x·Wᵀ + bias) + residual over the channels of any tensor.
    ///
    /// - Parameters:
    ///   - asOperand: the result only feeds a product, and may be stored as such
    ///   - precedesNorm: whether a group norm is to follow, to which the result's statistics are of use
    package func linear(
        _ x: Tensor, _ weights: PackedWeights, residual: Tensor? = nil, asOperand: Bool = false,
        precedesNorm: Bool = false
    ) throws -> Tensor {
        let shape = x
        let (x, scales): (Tensor, Tensor?) =
            weights.element == .int8 ? try quantised(x, for: weights) : (try operands(x, nil, of: weights).0, nil)
        let element = asOperand ? operandElement(channels: weights.outChannels) : .float32
        let output = try tensor(shape.batch, shape.height, shape.width, weights.outChannels, element)
        // How a picture is computed must not depend on how many there are.
        let pixels = shape.height * shape.width
        defer { withExtendedLifetime((x, scales, weights, residual, output)) {} }
        var c = limn_convolution(
            algorithm: LIMN_DIRECT, element: x.element.code, row_scales: scales.map { UnsafePointer($0.pointer) },
            source: (UnsafeRawPointer(x.raw), nil),
            channels: (x.channels, 0), batch: shape.batch, in_height: 1, in_width: pixels, resized_height: 1,
            resized_width: pixels, kernel_height: 1, kernel_width: 1, stride: 1,
            pad_top: 0, pad_left: 0, out_height: 1, out_width: pixels, out_channels: weights.outChannels, spread: 1,
            weights: try weights.packed(self), bias: weights.bias, batch_bias: nil,
            residual: residual.map { UnsafePointer($0.pointer) }, activation: weights.activation.code,
            output_element: output.element.code, output: output.raw, statistics: nil)
        if precedesNorm { try addStatistics(of: output, to: &c) }
        try product(.linear, c, .direct)
        return output
    }

    /// Sources as the weights want them: brought to bfloat16 and laid side by side where they are not so already.
    private func operands(
        _ x: Tensor, _ second: Tensor?, of weights: PackedWeights
    ) throws -> (Tensor, Tensor?) {
        let channels = x.channels + (second?.channels ?? 0)
        guard channels == weights.inChannels else {
            throw TensorError("\(channels) channels were given to a layer of \(weights.inChannels)")
        }
        if x.element == weights.element, weights.element == .float32 || second == nil { return (x, second) }
        guard x.element == .float32, second?.element ?? .float32 == .float32 else {
            throw TensorError("bfloat16 values were given to a layer that multiplies float32")
        }
        let output = try tensor(x.batch, x.height, x.width, channels, .bfloat16)
        defer { withExtendedLifetime((x, second, output)) {} }
        let job = ConversionJob(
            table: kernels.table, x: UnsafePointer(x.pointer), channels: x.channels,
            second: second.map { UnsafePointer($0.pointer) }, secondChannels: second?.channels ?? 0, rows: x.rows,
            output: output.raw.assumingMemoryBound(to: UInt16.self))
        let tasks = (x.rows + ConversionJob.rowsPerTask - 1) / ConversionJob.rowsPerTask
        try run(.other, tasks: tasks, job) { context, task, _ in
            let job = context.load(as: ConversionJob.self)
            let first = task * ConversionJob.rowsPerTask
            limn_rows_to_bf16(
                job.table, job.x, job.channels, job.second, job.secondChannels, first,
                min(first + ConversionJob.rowsPerTask, job.rows), job.output)
        }
        return (output, nil)
    }

    /// A source as 8-bit integers, and what a step of each row is worth.
    private func quantised(_ x: Tensor, for weights: PackedWeights) throws -> (Tensor, Tensor) {
        guard x.channels == weights.inChannels, x.element != .int8 else {
            throw TensorError("\(x.channels) channels were given to a layer of \(weights.inChannels)")
        }
        let multiple = Int(LIMN_INT8_ROWS)
        let output = try tensor(1, 1, (x.rows + multiple - 1) / multiple * multiple, x.channels, .int8)
        let scales = try tensor(1, 1, x.rows, 1)
        defer { withExtendedLifetime((x, output, scales)) {} }
        let job = QuantisingJob(
            table: kernels.table, element: x.element.code, x: UnsafeRawPointer(x.raw), channels: x.channels,
            rows: x.rows, output: output.raw.assumingMemoryBound(to: UInt8.self), scales: scales.pointer)
        let tasks = (x.rows + QuantisingJob.rowsPerTask - 1) / QuantisingJob.rowsPerTask
        // Part of what the layer costs.
        try run(.linear, tasks: tasks, job) { context, task, _ in
            let job = context.load(as: QuantisingJob.self)
            let first = task * QuantisingJob.rowsPerTask
            limn_rows_to_int8(
                job.table, job.element, job.x, job.channels, first, min(first + QuantisingJob.rowsPerTask, job.rows),
                job.output, job.scales)
        }
        return (output, scales)
    }

    /// Has the kernels tell the means and deviations of what they write, where they can: a norm then need not read it
    /// once more.
    private func addStatistics(of output: Tensor, to c: inout limn_convolution) throws {
        guard limn_convolution_has_statistics(kernels.table, &c) else { return }
        let blocks = output.pixels / Int(LIMN_STATISTICS_ROWS)
        let statistics = try tensor(output.batch, blocks, 2, output.channels)
        output.statistics = statistics
        c.statistics = statistics.pointer
    }

    private func product(_ kind: OperationKind, _ c: limn_convolution, _ algorithm: ConvolutionAlgorithm) throws {
        var c = c
        let columns = c.activation == LIMN_ACTIVATION_GEGLU ? 2 * c.out_channels : c.out_channels
        let depth = c.kernel_height * c.kernel_width * (c.channels.0 + c.channels.1)
        let operations = 2 * Double(c.batch * c.out_height * c.out_width) * Double(columns) * Double(depth)
        products?.add(c, algorithm, operations: operations, kernels)
        try run(
            kind, tasks: limn_convolution_tasks(kernels.table, &c),
            scratch: limn_convolution_scratch(kernels.table, &c), operations: operations,
            KernelJob(table: kernels.table, operation: c)
        ) { context, task, scratch in
            KernelJob<limn_convolution>.open(context) { limn_convolution_task($0, $1, task, scratch) }
        }
    }
}
