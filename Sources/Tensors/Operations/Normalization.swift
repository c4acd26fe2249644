import CKernels

private struct GroupNormJob {
    let table: OpaquePointer
    var norm: limn_group_norm
}

private struct LayerNormJob {
    let table: OpaquePointer
    let x: UnsafePointer<Float>
    let weight: UnsafePointer<Float>?
    let bias: UnsafePointer<Float>?
    let epsilon: Float
    let channels: Int
    let rows: Int
    let outputElement: limn_element
    let output: UnsafeMutableRawPointer

    static let rowsPerTask = 64
}

private struct ElementwiseJob {
    let table: OpaquePointer
    let x: UnsafePointer<Float>
    let count: Int
    let output: UnsafeMutablePointer<Float>
}

extension Compute {
    /// Group normalisation (Wu and He 2018) over concat(x, second), then SiLU if asked.
    ///
    /// - Parameter modulation: [batch, 1, 1, 2·channels], scale and shift: y·(1 + scale) + shift before the SiLU
    /// - Returns: [batch, height, width, channels of both], to be fed to a product: stored as such
    package func groupNorm(
        _ x: Tensor, _ second: Tensor? = nil, groups: Int, weight: FloatArray, bias: FloatArray, epsilon: Float,
        modulation: Tensor? = nil, silu: Bool
    ) throws -> Tensor {
        let channels = x.channels + (second?.channels ?? 0)
        let output = try tensor(x.batch, x.height, x.width, channels, operandElement(channels: channels))
        let affine = try tensor(x.batch, 1, 2, channels)
        var norm = limn_group_norm(
            source: (UnsafePointer(x.pointer), second.map { UnsafePointer($0.pointer) }),
            channels: (x.channels, second?.channels ?? 0),
            statistics: (
                x.statistics.map { UnsafePointer($0.pointer) }, second?.statistics.map { UnsafePointer($0.pointer) }
            ), batch: x.batch, pixels: x.pixels, groups: groups,
            epsilon: epsilon, weight: weight.pointer, bias: bias.pointer,
            modulation: modulation.map { UnsafePointer($0.pointer) }, silu: silu, partials: nil,
            affine: affine.pointer, output_element: output.element.code, output: output.raw)
        // Doubles in the memory of twice as many floats; the arena's granule keeps them aligned.
        let partials = try tensor(1, 1, 2, limn_group_norm_partials(&norm))
        // The kernels know addresses alone: what these belong to must not be released before they are done.
        defer { withExtendedLifetime((x, second, weight, bias, modulation, affine, partials, output)) {} }
        norm.partials = UnsafeMutableRawPointer(partials.pointer).assumingMemoryBound(to: Double.self)
        let job = GroupNormJob(table: kernels.table, norm: norm)
        try run(.normalization, tasks: limn_group_norm_statistics_tasks(&norm), job) { context, task, _ in
            let job = context.assumingMemoryBound(to: GroupNormJob.self)
            withUnsafePointer(to: job.pointee.norm) {
                limn_group_norm_statistics_task(job.pointee.table, $0, task)
            }
        }
        if !arena.isPlanning { limn_group_norm_finish(&norm) }
        try run(.normalization, tasks: limn_group_norm_apply_tasks(&norm), job) { context, task, _ in
            let job = context.assumingMemoryBound(to: GroupNormJob.self)
            withUnsafePointer(to: job.pointee.norm) { limn_group_norm_apply_task(job.pointee.table, $0, task) }
        }
        return output
    }

    /// Layer normalisation (Ba et al. 2016) over the channels.
    ///
    /// - Parameter asOperand: the result only feeds a product, and may be stored as such
    package func layerNorm(
        _ x: Tensor, weight: FloatArray, bias: FloatArray, epsilon: Float, asOperand: Bool = true
    ) throws -> Tensor {
        let element = asOperand ? operandElement(channels: x.channels) : .float32
        let output = try tensor(x.batch, x.height, x.width, x.channels, element)
        defer { withExtendedLifetime((x, weight, bias, output)) {} }
        let job = LayerNormJob(
            table: kernels.table, x: UnsafePointer(x.pointer), weight: weight.pointer, bias: bias.pointer,
            epsilon: epsilon, channels: x.channels, rows: x.rows,
            outputElement: element.code, output: output.raw)
        let tasks = (x.rows + LayerNormJob.rowsPerTask - 1) / LayerNormJob.rowsPerTask
        try run(.normalization, tasks: tasks, job) { context, task, _ in
            let job = context.load(as: LayerNormJob.self)
            let first = task * LayerNormJob.rowsPerTask
            limn_layer_norm(
                job.table, job.x, job.weight, job.bias, job.epsilon, job.channels, first,
                min(first + LayerNormJob.rowsPerTask, job.rows), job.outputElement, job.output)
        }
        return output
    }

    /// x·sigmoid(x).
    package func silu(_ x: Tensor) throws -> Tensor {
        let output = try tensor(x.batch, x.height, x.width, x.channels)
        defer { withExtendedLifetime((x, output)) {} }
        let job = ElementwiseJob(
            table: kernels.table, x: UnsafePointer(x.pointer), count: x.count, output: output.pointer)
        try run(.other, tasks: 1, job) { context, _, _ in
            let job = context.load(as: ElementwiseJob.self)
            limn_silu(job.table, job.x, job.count, job.output)
        }
        return output
    }
}
