import CKernels

private struct TransposeJob {
    let element: limn_element
    let values: UnsafeRawPointer
    let stride: Int
    let heads: Int
    let dim: Int
    let keys: Int
    let output: UnsafeMutableRawPointer
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

    var pointer: UnsafeRawPointer { UnsafeRawPointer(tensor.raw + offset * tensor.element.byteSize) }
}

extension Tensor {
    /// What hides the padding of texts from attention.
    ///
    /// - Parameter counts: how many of a text's tokens are not padding, at least 1
    /// - Returns: [texts, 1, 1, tokens]
    package static func hiding(paddingAfter counts: [Int], tokens: Int) throws -> Tensor {
        let values = counts.flatMap { count in (0..<tokens).map { $0 < max(1, count) ? 0 : -1e30 as Float } }
        return try Tensor(batch: counts.count, height: 1, width: 1, channels: tokens, values: values)
    }
}

extension Compute {
    /// softmax(q·kᵀ/√dim)·v per head (Vaswani et al. 2017, eq. 1), streamed over keys.
    ///
    /// - Parameters:
    ///   - query: [batch, h, w, heads·dim]
    ///   - key: [batch, 1, keys, heads·dim]
    ///   - values: from `transposedValues`
    ///   - causal: a token sees itself and what stands before it
    ///   - scale: of the scores, in place of 1/√dim
    ///   - bias: added to the scaled scores, [1, heads, keys, queries]
    ///   - keyBias: added to those of every key, [batch, 1, 1, keys]: `Tensor.hiding` hides padding
    ///
    /// All three are of one element; bfloat16 wants an even `dim`.
    /// - Returns: [batch, h, w, heads·dim], of the same element
    package func attention(
        query: TokenRows, key: TokenRows, values: Tensor, heads: Int, dim: Int, causal: Bool = false,
        scale: Float? = nil, bias: Tensor? = nil, keyBias: Tensor? = nil
    ) throws -> Tensor {
        let q = query.tensor
        let k = key.tensor
        guard q.element == k.element, q.element == values.element else {
            throw TensorError("attention was given operands of different kinds")
        }
        // Pairs, for arrays would be allocated at every step.
        guard bias.map({ ($0.count, $0.channels) == (heads * k.pixels * q.pixels, q.pixels) }) ?? true,
            keyBias.map({ ($0.batch, $0.count) == (q.batch, q.batch * k.pixels) }) ?? true
        else { throw TensorError("attention was given a bias of another size") }
        let output = try tensor(q.batch, q.height, q.width, heads * dim, q.element)
        // The kernels know addresses alone: what these belong to must not be released before they are done.
        defer { withExtendedLifetime((q, k, values, bias, keyBias, output)) {} }
        var a = limn_attention(
            element: q.element.code, query: query.pointer, key: key.pointer, values: UnsafeRawPointer(values.raw),
            query_stride: q.channels, key_stride: k.channels, batch: q.batch, heads: heads, dim: dim,
            queries: q.pixels, keys: k.pixels, scale: scale ?? 1 / Float(dim).squareRoot(), causal: causal,
            output: output.raw, bias: bias.map { UnsafePointer($0.pointer) },
            key_bias: keyBias.map { UnsafePointer($0.pointer) })
        try run(
            .attention, tasks: limn_attention_tasks(kernels.table, &a),
            scratch: limn_attention_scratch(kernels.table, &a),
            operations: 4 * Double(q.rows) * Double(k.pixels) * Double(heads * dim),
            KernelJob(table: kernels.table, operation: a)
        ) { context, task, scratch in
            KernelJob<limn_attention>.open(context) { limn_attention_task($0, $1, task, scratch) }
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
            ? try Tensor(batch: v.batch, height: heads, width: dim, channels: v.pixels, element: v.element)
            : try tensor(v.batch, heads, dim, v.pixels, v.element)
        defer { withExtendedLifetime((v, output)) {} }
        let job = TransposeJob(
            element: v.element.code, values: values.pointer, stride: v.channels, heads: heads, dim: dim,
            keys: v.pixels, output: output.raw)
        try run(.attention, tasks: v.batch * heads, job) { context, task, _ in
            let job = context.load(as: TransposeJob.self)
            limn_transpose_values_task(
                job.element, job.values, job.stride, job.heads, job.dim, job.keys, job.output, task)
        }
        return output
    }
}
