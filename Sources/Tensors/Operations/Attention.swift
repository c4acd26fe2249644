import CKernels

private struct AttentionJob {
    let table: OpaquePointer
    var attention: limn_attention
}

private struct TransposeJob {
    let table: OpaquePointer
    let values: UnsafePointer<Float>
    let stride: Int
    let batch: Int
    let heads: Int
    let dim: Int
    let keys: Int
    let output: UnsafeMutablePointer<Float>
}

/// Rows of queries or keys inside a tensor that may hold other things beside them.
package struct TokenRows {
    package let tensor: Tensor
    /// Channels before the rows' own.
    package let offset: Int

    package init(_ tensor: Tensor, offset: Int = 0) {
        self.tensor = tensor
        self.offset = offset
    }

    var pointer: UnsafePointer<Float> { UnsafePointer(tensor.pointer + offset) }
}

extension Compute {
    /// softmax(q·kᵀ/√dim)·v per head (Vaswani et al. 2017, eq. 1), streamed over keys.
    ///
    /// - Parameters:
    ///   - query: [batch, h, w, heads·dim]
    ///   - key: [batch, 1, keys, heads·dim]
    ///   - values: from `transposedValues`
    ///   - causal: a token sees itself and what stands before it
    /// - Returns: [batch, h, w, heads·dim]
    package func attention(
        query: TokenRows, key: TokenRows, values: Tensor, heads: Int, dim: Int, causal: Bool = false
    ) throws -> Tensor {
        let q = query.tensor
        let k = key.tensor
        let output = try tensor(q.batch, q.height, q.width, heads * dim)
        var a = limn_attention(
            query: query.pointer, key: key.pointer, values: UnsafePointer(values.pointer),
            query_stride: q.channels, key_stride: k.channels, batch: q.batch, heads: heads, dim: dim,
            queries: q.pixels, keys: k.pixels, scale: 1 / Float(dim).squareRoot(), causal: causal,
            output: output.pointer)
        try run(
            .attention, tasks: limn_attention_tasks(kernels.table, &a),
            scratch: limn_attention_scratch(kernels.table, &a),
            operations: 4 * Double(q.rows) * Double(k.pixels) * Double(heads * dim),
            AttentionJob(table: kernels.table, attention: a)
        ) { context, task, scratch in
            let job = context.assumingMemoryBound(to: AttentionJob.self)
            withUnsafePointer(to: job.pointee.attention) {
                limn_attention_task(job.pointee.table, $0, task, scratch)
            }
        }
        return output
    }

    /// The values of attention in the order that it reads them: [batch, heads, dim, keys].
    ///
    /// - Parameter persistent: memory of its own instead of the arena's, for text values that outlive a step.
    package func transposedValues(
        _ values: TokenRows, heads: Int, dim: Int, persistent: Bool = false
    ) throws -> Tensor {
        let v = values.tensor
        let output =
            persistent
            ? try Tensor(batch: v.batch, height: heads, width: dim, channels: v.pixels)
            : try tensor(v.batch, heads, dim, v.pixels)
        let job = TransposeJob(
            table: kernels.table, values: values.pointer, stride: v.channels, batch: v.batch, heads: heads,
            dim: dim, keys: v.pixels, output: output.pointer)
        try run(.attention, tasks: v.batch * heads, job) { context, task, _ in
            let job = context.load(as: TransposeJob.self)
            limn_transpose_values_task(
                job.table, job.values, job.stride, job.batch, job.heads, job.dim, job.keys, job.output, task)
        }
        return output
    }
}
