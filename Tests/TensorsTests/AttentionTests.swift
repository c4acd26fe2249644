import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Attention against the formula in double precision. Measured: at most 4.1e-7, and 3e-6 with scores of a thousand,
    /// where the rounding of the scores themselves shows.
    @Suite struct AttentionTests {
        private struct Shape {
            var batch = 1
            var heads = 2
            var dim = 40
            var queries = 65
            var keys = 77
            var causal = false
            /// Multiplies the scores, which are of order one otherwise.
            var sharpness: Float = 1
            /// Channels before and after the rows of queries, keys and values.
            var margins = (0, 0)
        }

        private func check(_ shapes: [Shape], bound: Double = 2e-6, seed: UInt64) throws {
            let machines = Machine.all
            var random = SplitMix(seed)
            for s in shapes {
                let inner = s.heads * s.dim
                let width = s.margins.0 + inner + s.margins.1
                let query = random.values(s.batch * s.queries * width, deviation: s.sharpness)
                let key = random.values(s.batch * s.keys * width)
                let value = random.values(s.batch * s.keys * width)
                // Rows [tokens, dim] of one head of one picture.
                func head(_ values: [Float], _ tokens: Int, _ b: Int, _ h: Int) -> [Double] {
                    (0..<tokens).flatMap { token in
                        let start = (b * tokens + token) * width + s.margins.0 + h * s.dim
                        return values[start..<start + s.dim].map(Double.init)
                    }
                }
                var expected = [Double](repeating: 0, count: s.batch * s.queries * inner)
                for b in 0..<s.batch {
                    for h in 0..<s.heads {
                        let output = Reference.attention(
                            query: head(query, s.queries, b, h), key: head(key, s.keys, b, h),
                            value: head(value, s.keys, b, h), dim: s.dim, causal: s.causal)
                        for i in 0..<s.queries {
                            for d in 0..<s.dim {
                                expected[(b * s.queries + i) * inner + h * s.dim + d] = output[i * s.dim + d]
                            }
                        }
                    }
                }
                try TensorsTests.check(machines, expected, bound: bound, "\(s)") { compute in
                    func rows(_ values: [Float], _ tokens: Int) throws -> TokenRows {
                        let tensor = try Tensor(
                            batch: s.batch, height: 1, width: tokens, channels: width, values: values)
                        return TokenRows(tensor, offset: s.margins.0)
                    }
                    let values = try compute.transposedValues(rows(value, s.keys), heads: s.heads, dim: s.dim)
                    return try compute.attention(
                        query: rows(query, s.queries), key: rows(key, s.keys), values: values, heads: s.heads,
                        dim: s.dim, causal: s.causal)
                }
            }
        }

        @Test func mixedShapes() throws {
            var random = SplitMix(21)
            var queries = Deck([1, 7, 63, 64, 65, 130])
            var keys = Deck([1, 5, 77, 127, 128, 129, 300])
            var dims = Deck([1, 8, 40, 64, 80, 160, 513])
            var heads = Deck([1, 2, 3])
            var batches = Deck([1, 2])
            var coins = Deck([true, false])
            let shapes = (0..<100).map { _ in
                var s = Shape()
                (s.queries, s.keys, s.dim) = (queries.draw(&random), keys.draw(&random), dims.draw(&random))
                (s.heads, s.batch, s.causal) = (heads.draw(&random), batches.draw(&random), coins.draw(&random))
                if coins.draw(&random) { s.margins = (3, 5) }
                while s.batch * s.heads * s.queries * s.keys * s.dim > 3_000_000, s.batch * s.heads > 1 {
                    if s.batch > 1 { s.batch -= 1 } else { s.heads -= 1 }
                }
                if s.queries * s.keys * s.dim > 6_000_000 { s.queries = 7 }
                return s
            }
            try check(shapes, seed: 22)
        }

        /// A causal row must not see the row after it, on both sides of a block of keys and of queries.
        @Test func causalEdges() throws {
            let shapes = [1, 2, 16, 17, 64, 77, 128, 129, 200].map {
                var s = Shape()
                (s.queries, s.keys, s.dim, s.causal) = ($0, $0, 8, true)
                return s
            }
            try check(shapes, seed: 23)
        }

        /// Fewer and more keys than queries: the first query always sees the first key.
        @Test func causalWithOtherLengths() throws {
            let shapes = [(130, 5), (7, 300), (65, 129)].map {
                var s = Shape()
                (s.queries, s.keys, s.dim, s.causal) = ($0.0, $0.1, 8, true)
                return s
            }
            try check(shapes, seed: 24)
        }

        /// Biases on the scores, as T5 has them, and texts whose padding is hidden: every query's own bias, in panels that
        /// are full and that are not, in one block of keys and in several.
        @Test(arguments: [(1, 1), (16, 5), (24, 24), (64, 128), (65, 77), (130, 129), (77, 300)])
        func biasedScores(_ queries: Int, _ keys: Int) throws {
            let (batch, heads, dim) = (2, 3, 10)
            let inner = heads * dim
            var random = SplitMix(28)
            let query = random.values(batch * queries * inner)
            let key = random.values(batch * keys * inner)
            let value = random.values(batch * keys * inner)
            let bias = random.values(heads * keys * queries, deviation: 2)
            let counts = [max(1, keys - 3), (keys + 1) / 2]
            func head(_ values: [Float], _ tokens: Int, _ b: Int, _ h: Int) -> [Double] {
                (0..<tokens).flatMap { token in
                    let start = (b * tokens + token) * inner + h * dim
                    return values[start..<start + dim].map(Double.init)
                }
            }
            for (isBiased, isHidden) in [(true, false), (false, true), (true, true)] {
                var expected = [Double](repeating: 0, count: batch * queries * inner)
                for b in 0..<batch {
                    for h in 0..<heads {
                        let output = Reference.attention(
                            query: head(query, queries, b, h), key: head(key, keys, b, h),
                            value: head(value, keys, b, h), dim: dim, causal: false, scale: 0.5
                        ) { i, j in
                            (isBiased ? Double(bias[(h * keys + j) * queries + i]) : 0)
                                + (isHidden && j >= counts[b] ? -1e30 : 0)
                        }
                        for i in 0..<queries {
                            for d in 0..<dim { expected[(b * queries + i) * inner + h * dim + d] = output[i * dim + d] }
                        }
                    }
                }
                func attend(_ compute: Compute, _ element: (Tensor) throws -> Tensor) throws -> Tensor {
                    func rows(_ values: [Float], _ tokens: Int) throws -> TokenRows {
                        TokenRows(
                            try element(
                                try Tensor(batch: batch, height: 1, width: tokens, channels: inner, values: values)))
                    }
                    let values = try compute.transposedValues(rows(value, keys), heads: heads, dim: dim)
                    let table = try Tensor(batch: 1, height: heads, width: keys, channels: queries, values: bias)
                    return try compute.attention(
                        query: rows(query, queries), key: rows(key, keys), values: values, heads: heads, dim: dim,
                        scale: 0.5, bias: isBiased ? table : nil,
                        keyBias: isHidden ? Tensor.hiding(paddingAfter: counts, tokens: keys) : nil)
                }
                let label = "\(queries) queries, \(keys) keys, bias \(isBiased), padding \(isHidden)"
                try TensorsTests.check(Machine.all, expected, bound: 2e-6, label) { try attend($0) { $0 } }
            }
        }

        @Test func biasesOfAnotherSizeAreRefused() throws {
            let compute = Compute(kernels: Kernels.tested[0], threads: 1)
            let x = try Tensor(batch: 2, height: 1, width: 3, channels: 4)
            let values = try compute.transposedValues(TokenRows(x), heads: 1, dim: 4)
            let wrong = try [
                Tensor(batch: 1, height: 1, width: 3, channels: 4), Tensor(batch: 2, height: 1, width: 1, channels: 2),
            ]
            for (bias, keyBias): (Tensor?, Tensor?) in [(wrong[0], nil), (nil, wrong[1])] {
                #expect(throws: TensorError.self) {
                    try compute.attention(
                        query: TokenRows(x), key: TokenRows(x), values: values, heads: 1, dim: 4, bias: bias,
                        keyBias: keyBias)
                }
            }
        }

        @Test func largeScores() throws {
            let shapes = [false, true].map {
                var s = Shape()
                (s.keys, s.queries, s.causal, s.sharpness) = (300, 130, $0, 1000)
                return s
            }
            try check(shapes, bound: 3e-5, seed: 25)
        }

        /// Equal scores, be they 0, +1000 or −1000: every key has the same weight.
        @Test(arguments: [Float(0), 1000, -1000])
        func equalScores(score: Float) throws {
            let (queries, keys, dim) = (65, 300, 4)
            var random = SplitMix(26)
            let value = random.values(keys * dim)
            let mean = (0..<dim).map { d in
                (0..<keys).reduce(0.0) { $0 + Double(value[$1 * dim + d]) } / Double(keys)
            }
            let expected = (0..<queries * dim).map { mean[$0 % dim] }
            try TensorsTests.check(Machine.all, expected, bound: 2e-6, "score \(score)") { compute in
                let query = try Tensor(
                    batch: 1, height: 1, width: queries, channels: dim,
                    values: [Float](repeating: score / 2, count: queries * dim))
                let key = try Tensor(
                    batch: 1, height: 1, width: keys, channels: dim, values: [Float](repeating: 1, count: keys * dim))
                let rows = try Tensor(batch: 1, height: 1, width: keys, channels: dim, values: value)
                let values = try compute.transposedValues(TokenRows(rows), heads: 1, dim: dim)
                return try compute.attention(
                    query: TokenRows(query), key: TokenRows(key), values: values, heads: 1, dim: dim)
            }
        }

        /// Queries, keys and values as three parts of one product's rows.
        @Test func sideBySide() throws {
            let (batch, tokens, heads, dim) = (2, 67, 3, 24)
            let inner = heads * dim
            var random = SplitMix(27)
            let joined = random.values(batch * tokens * 3 * inner)
            func part(_ index: Int) -> [Float] {
                (0..<batch * tokens).flatMap { row in
                    let start = (row * 3 + index) * inner
                    return joined[start..<start + inner]
                }
            }
            for compute in Machine.all.flatMap(\.computes) {
                let tensor = try Tensor(batch: batch, height: 1, width: tokens, channels: 3 * inner, values: joined)
                let together = try compute.attention(
                    query: TokenRows(tensor), key: TokenRows(tensor, offset: inner),
                    values: compute.transposedValues(TokenRows(tensor, offset: 2 * inner), heads: heads, dim: dim),
                    heads: heads, dim: dim)
                let apart = try (0..<3).map {
                    TokenRows(try Tensor(batch: batch, height: 1, width: tokens, channels: inner, values: part($0)))
                }
                let separate = try compute.attention(
                    query: apart[0], key: apart[1],
                    values: compute.transposedValues(apart[2], heads: heads, dim: dim, persistent: true),
                    heads: heads, dim: dim)
                #expect(together.values == separate.values, "\(compute.kernels.name)")
            }
        }
    }
}
