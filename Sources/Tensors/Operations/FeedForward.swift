import CKernels

private struct RowsJob {
    let table: OpaquePointer
    let x: UnsafePointer<Float>
    let weight: UnsafePointer<Float>?
    let epsilon: Float
    let channels: Int
    let rows: Int
    let element: limn_element
    let output: UnsafeMutableRawPointer

    static let rowsPerTask = 16

    var tasks: Int { (rows + Self.rowsPerTask - 1) / Self.rowsPerTask }

    func rows(of task: Int) -> (first: Int, last: Int) {
        (task * Self.rowsPerTask, min((task + 1) * Self.rowsPerTask, rows))
    }
}

extension Compute {
    /// Root mean square normalisation (Zhang and Sennrich 2019) over the channels.
    ///
    /// - Parameter asOperand: the result only feeds a product, and may be stored as such
    package func rmsNorm(
        _ x: Tensor, weight: FloatArray, epsilon: Float, asOperand: Bool = true
    ) throws -> Tensor {
        let element = asOperand ? operandElement(channels: x.channels) : .float32
        let output = try tensor(x.batch, x.height, x.width, x.channels, element)
        defer { withExtendedLifetime((x, weight, output)) {} }
        let job = RowsJob(
            table: kernels.table, x: UnsafePointer(x.pointer), weight: weight.pointer, epsilon: epsilon,
            channels: x.channels, rows: x.rows, element: element.code, output: output.raw)
        try run(.normalization, tasks: job.tasks, job) { context, task, _ in
            let job = context.load(as: RowsJob.self)
            let rows = job.rows(of: task)
            limn_rms_norm(
                job.table, job.x, job.weight, job.epsilon, job.channels, rows.first, rows.last, job.element, job.output)
        }
        return output
    }

    /// GELU(gate)·value, where x holds gates, then values, in its channels; GELU by tanh. To be fed to a product.
    package func gated(_ x: Tensor) throws -> Tensor {
        try activated(x, channels: x.channels / 2) { context, task, _ in
            let job = context.load(as: RowsJob.self)
            let rows = job.rows(of: task)
            limn_gate_rows(job.table, job.x, job.channels, rows.first, rows.last, job.element, job.output)
        }
    }

    /// max(x, 0), to be fed to a product.
    package func rectified(_ x: Tensor) throws -> Tensor {
        try activated(x, channels: x.channels) { context, task, _ in
            let job = context.load(as: RowsJob.self)
            let rows = job.rows(of: task)
            limn_rectify_rows(job.table, job.x, job.channels, rows.first, rows.last, job.element, job.output)
        }
    }

    private func activated(_ x: Tensor, channels: Int, _ body: ThreadPool.Body) throws -> Tensor {
        let output = try tensor(x.batch, x.height, x.width, channels, operandElement(channels: channels))
        defer { withExtendedLifetime((x, output)) {} }
        let job = RowsJob(
            table: kernels.table, x: UnsafePointer(x.pointer), weight: nil, epsilon: 0, channels: channels,
            rows: x.rows, element: output.element.code, output: output.raw)
        try run(.other, tasks: job.tasks, job, body)
        return output
    }
}
