import Tensors
import Testing

extension GroundFloor {
    /// Products of bfloat16 numbers. Operands are rounded beforehand, so that the reference has the same ones; sums
    /// are float32 and must be as good as those of float32 products. Skipped where no kernels multiply such numbers.
    @Suite struct Bfloat16ProductTests {
        private let machines = Machine.withBfloat16

        @Test func convolutionsOfEveryShapeSumInFloat32() throws {
            var random = SplitMix(71)
            for c in ConvolutionTests.mixed(150, seed: 70) {
                let inputs = ConvolutionInputs(c, &random, operands: .bfloat16)
                try check(machines, c.expected(inputs), bound: 3e-6, c.description) { try c.run(inputs, $0) }
            }
        }

        /// Depths of more than one block, whole taps of it or parts of one, and rows of more than one task.
        @Test func deepOnesSumInFloat32() throws {
            var random = SplitMix(73)
            for (height, width, channels, out, kernel, upsampled) in [
                (3, 129, 1600, 40, 1, false), (1, 37, 3104, 65, 1, false), (18, 17, 640, 33, 3, false),
                (5, 33, 256, 130, 3, false), (9, 40, 96, 72, 3, true), (2, 16, 1568, 16, 3, false),
            ] {
                var c = ConvolutionCase(height: height, width: width, channels: (channels, 0), out: out)
                (c.kernel, c.hasResidual) = (kernel, !upsampled)
                c.geometry = ConvolutionGeometry(padding: kernel / 2)
                if upsampled { c.resized = (height * 2, width * 2) }
                let inputs = ConvolutionInputs(c, &random, operands: .bfloat16)
                try check(machines, c.expected(inputs), bound: 3e-6, c.description) { try c.run(inputs, $0) }
            }
        }

        /// Values as operands of a product: through a linear layer that changes nothing.
        private func operands(_ x: Tensor, _ compute: Compute, asOperand: Bool = true) throws -> Tensor {
            let channels = x.channels
            var identity = [Float](repeating: 0, count: channels * channels)
            for index in 0..<channels { identity[index * channels + index] = 1 }
            let weights = try identity.withUnsafeBufferPointer {
                try PackedWeights(
                    weight: $0, bias: nil, inChannels: channels, outChannels: channels, compute: compute)
            }
            return try compute.linear(x, weights, asOperand: asOperand)
        }

        @Test func operandsComeOutAsTheyWentIn() throws {
            var random = SplitMix(72)
            for (rows, channels) in [(1, 2), (7, 64), (97, 66), (5, 130)] {
                let values = random.values(rows * channels).map(\.bfloat16)
                try check(machines, values.map(Double.init), bound: 1e-9, "\(rows) × \(channels)") { compute in
                    let x = try Tensor(batch: 1, height: 1, width: rows, channels: channels, values: values)
                    let operand = try operands(x, compute)
                    #expect(operand.element == .bfloat16)
                    return try operands(operand, compute, asOperand: false)
                }
            }
        }

        @Test func attentionStaysNearItsFormula() throws {
            var random = SplitMix(73)
            for (queries, keys, heads, dim) in [
                (1, 1, 1, 2), (7, 5, 2, 8), (63, 77, 3, 40), (65, 129, 2, 80), (130, 301, 1, 160),
            ] {
                let width = heads * dim
                let q = random.values(queries * width).map(\.bfloat16)
                let k = random.values(keys * width).map(\.bfloat16)
                let v = random.values(keys * width).map(\.bfloat16)
                var expected = [Double](repeating: 0, count: queries * width)
                for head in 0..<heads {
                    func own(_ values: [Float]) -> [Double] {
                        values.indices.filter { $0 % width / dim == head }.map { Double(values[$0]) }
                    }
                    let one = Reference.attention(query: own(q), key: own(k), value: own(v), dim: dim, causal: false)
                    for (index, value) in one.enumerated() {
                        expected[index / dim * width + head * dim + index % dim] = value
                    }
                }
                // Weights and result are rounded to eight bits too.
                try check(machines, expected, bound: 6e-3, "\(queries) queries, \(keys) keys, \(heads) × \(dim)") {
                    func tensor(_ values: [Float], _ rows: Int) throws -> Tensor {
                        try Tensor(batch: 1, height: 1, width: rows, channels: width, values: values)
                    }
                    let query = try operands(try tensor(q, queries), $0)
                    let key = try operands(try tensor(k, keys), $0)
                    let value = try operands(try tensor(v, keys), $0)
                    let values = try $0.transposedValues(TokenRows(value), heads: heads, dim: dim)
                    let attended = try $0.attention(
                        query: TokenRows(query), key: TokenRows(key), values: values, heads: heads, dim: dim)
                    #expect(attended.element == .bfloat16)
                    return try operands(attended, $0, asOperand: false)
                }
            }
        }
    }
}
