import CKernels
import Glibc

// What guidance wants of a self-attention beside its result. Both work on one picture of a batch.

private struct ReceivedJob {
    let element: Element
    let query: UnsafeRawPointer
    let key: UnsafeRawPointer
    /// Channels of a row of each.
    let stride: (query: Int, key: Int)
    let dim: Int
    let pixels: Int
    /// [heads, pixels]
    let output: UnsafeMutablePointer<Float>

    /// One head: softmax(q·kᵀ/√dim), summed over the queries.
    func run(head: Int, scores: UnsafeMutablePointer<Float>) {
        switch element {
        case .bfloat16:
            run(head: head, scores: scores) { pointer, index in
                Float(bitPattern: UInt32(pointer.load(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
            }
        default:
            run(head: head, scores: scores) { pointer, index in
                pointer.load(fromByteOffset: 4 * index, as: Float.self)
            }
        }
    }

    @inline(__always)
    private func run(
        head: Int, scores: UnsafeMutablePointer<Float>, value: (UnsafeRawPointer, Int) -> Float
    ) {
        let received = output + head * pixels
        received.update(repeating: 0, count: pixels)
        let scale = 1 / Float(dim).squareRoot()
        for row in 0..<pixels {
            var largest = -Float.infinity
            for column in 0..<pixels {
                var sum: Float = 0
                let (q, k) = (row * stride.query + head * dim, column * stride.key + head * dim)
                for channel in 0..<dim { sum += value(query, q + channel) * value(key, k + channel) }
                scores[column] = sum * scale
                largest = max(largest, scores[column])
            }
            var total: Float = 0
            for column in 0..<pixels {
                scores[column] = expf(scores[column] - largest)
                total += scores[column]
            }
            for column in 0..<pixels { received[column] += scores[column] / total }
        }
    }
}

extension Compute {
    /// How much each pixel is looked at: attention's probabilities, on average over the heads, summed over the pixels
    /// that look (they add up to the number of pixels).
    ///
    /// - Parameters:
    ///   - query: [batch, h, w, heads·dim]
    ///   - key: the same
    ///   - picture: which one of the batch
    ///   - map: [1, h, w, 1], float32, is given it
    package func attentionReceived(
        query: TokenRows, key: TokenRows, picture: Int, heads: Int, dim: Int, into map: Tensor
    ) throws {
        let (q, k) = (query.tensor, key.tensor)
        guard q.element == k.element, q.element == .float32 || q.element == .bfloat16, q.pixels == k.pixels,
            map.count == q.pixels
        else { throw TensorError("an attention map was asked of operands of different kinds or sizes") }
        let parts = try tensor(heads, 1, 1, q.pixels)
        defer { withExtendedLifetime((q, k, parts)) {} }
        func start(_ rows: TokenRows) -> UnsafeRawPointer {
            rows.pointer + picture * rows.tensor.pixels * rows.tensor.channels * rows.tensor.element.byteSize
        }
        let job = ReceivedJob(
            element: q.element, query: start(query), key: start(key), stride: (q.channels, k.channels), dim: dim,
            pixels: q.pixels, output: parts.pointer)
        try run(
            .attention, tasks: heads, scratch: q.pixels * MemoryLayout<Float>.stride,
            operations: 2 * Double(q.pixels * q.pixels) * Double(heads * dim), job
        ) { context, head, scratch in
            context.load(as: ReceivedJob.self).run(head: head, scores: scratch.assumingMemoryBound(to: Float.self))
        }
        if arena.isPlanning { return }
        for pixel in 0..<q.pixels {
            var sum: Float = 0
            for head in 0..<heads { sum += parts.pointer[head * q.pixels + pixel] }
            map.pointer[pixel] = sum / Float(heads)
        }
    }

    /// Puts values in the place of what attention made of them: every pixel looks at itself alone.
    ///
    /// - Parameters:
    ///   - values: [batch, h, w, channels of `attended`], of its element
    ///   - picture: which one of the batch
    package func replace(_ attended: Tensor, with values: TokenRows, picture: Int) throws {
        let v = values.tensor
        guard v.element == attended.element, (v.batch, v.pixels) == (attended.batch, attended.pixels) else {
            throw TensorError("attention's values are of another kind or size than its result")
        }
        if arena.isPlanning { return }
        let size = v.element.byteSize
        let first = picture * v.pixels
        for row in first..<first + v.pixels {
            (attended.raw + row * attended.channels * size).copyMemory(
                from: values.pointer + row * v.channels * size, byteCount: attended.channels * size)
        }
    }
}
