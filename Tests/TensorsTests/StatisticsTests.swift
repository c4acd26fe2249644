import Tensors
import Testing

extension GroundFloor {
    /// Statistics that products leave for the norm after them, against double precision over the same values.
    /// Measured: 4e-7 of the mean's and of the deviation's size.
    @Suite struct StatisticsTests {
        private static let blockRows = 32

        /// Mean and variance of each channel of each picture, from the blocks.
        private func combined(_ output: Tensor, _ statistics: Tensor) -> [(mean: Double, variance: Double)] {
            let (channels, blocks) = (output.channels, statistics.height)
            let values = statistics.values.map(Double.init)
            return (0..<output.batch).flatMap { b in
                (0..<channels).map { c in
                    let means = (0..<blocks).map { values[((b * blocks + $0) * 2) * channels + c] }
                    let squares = (0..<blocks).map { values[((b * blocks + $0) * 2 + 1) * channels + c] }
                    let mean = means.reduce(0, +) / Double(blocks)
                    let between = means.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(blocks)
                    return (mean, squares.reduce(0, +) / Double(blocks * Self.blockRows) + between)
                }
            }
        }

        private func check(_ output: Tensor, _ label: String) throws {
            let statistics = try #require(output.statistics, "\(label)")
            #expect(statistics.height * Self.blockRows == output.pixels)
            let found = combined(output, statistics)
            for b in 0..<output.batch {
                for c in 0..<output.channels {
                    let column = (0..<output.pixels).map {
                        Double(output.pointer[(b * output.pixels + $0) * output.channels + c])
                    }
                    let mean = column.reduce(0, +) / Double(column.count)
                    let variance = column.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(column.count)
                    let (foundMean, foundVariance) = found[b * output.channels + c]
                    #expect(abs(foundMean - mean) < 2e-6 * (abs(mean) + variance.squareRoot()), "\(label)")
                    #expect(abs(foundVariance - variance) < 1e-5 * variance + 1e-12 * mean * mean, "\(label)")
                }
            }
        }

        private func cases() -> [ConvolutionCase] {
            let shapes = [
                (1, 4, 8, 1, 1), (2, 8, 8, 3, 7), (3, 4, 24, 33, 17), (1, 32, 33, 32, 64), (2, 7, 32, 48, 65),
                (1, 17, 64, 5, 130),
            ]
            return shapes.enumerated().map { index, shape in
                var c = ConvolutionCase()
                (c.batch, c.height, c.width, c.channels, c.out) = (shape.0, shape.1, shape.2, (shape.3, 0), shape.4)
                (c.hasBatchBias, c.hasResidual) = (index % 2 == 0, index % 3 == 0)
                if index % 3 == 1 { (c.resized, c.algorithm) = ((2 * c.height, 2 * c.width), .subpixel) }
                return c
            }
        }

        @Test func convolutions() throws {
            var random = SplitMix(71)
            for c in cases() {
                let inputs = ConvolutionInputs(c, &random, operands: .bfloat16)
                for machine in Machine.withBfloat16 {
                    for compute in machine.computes {
                        let output = try c.run(inputs, compute, precedesNorm: true)
                        guard machine.kernels.name == "amx" else {
                            #expect(output.statistics == nil)
                            continue
                        }
                        try check(output, c.description)
                    }
                }
            }
        }

        /// Blocks would straddle two pictures, or two of the four parts of a doubled one.
        @Test func oddSizesHaveNone() throws {
            var random = SplitMix(72)
            for (height, width, algorithm) in [(5, 7, ConvolutionAlgorithm.direct), (4, 6, .subpixel)] {
                var c = ConvolutionCase()
                (c.height, c.width, c.algorithm) = (height, width, algorithm)
                if algorithm == .subpixel { c.resized = (2 * height, 2 * width) }
                let inputs = ConvolutionInputs(c, &random, operands: .bfloat16)
                for compute in Machine.withBfloat16.flatMap(\.computes) {
                    #expect(try c.run(inputs, compute, precedesNorm: true).statistics == nil)
                }
            }
        }

        /// A linear layer of float32 and the norm after it, with and without what it left; also beside a second source
        /// that comes without, with a group over the seam, and far from zero.
        @Test func normAfterALinear() throws {
            var random = SplitMix(73)
            let (batch, pixels, width, channels, other) = (2, 352, 40, 33, 15)
            for mean in [Float(0), 1000] {
                let x = random.values(batch * pixels * width)
                let weight = random.values(channels * width, deviation: 0.15)
                let bias = (0..<channels).map { _ in mean }
                let second = random.values(batch * pixels * other).map { $0 + mean }
                let (scale, shift) = (random.values(channels + other), random.values(channels + other))
                for compute in Machine.all.flatMap(\.computes) {
                    let packed = try weight.withUnsafeBufferPointer {
                        try PackedWeights(
                            weight: $0, bias: bias, inChannels: width, outChannels: channels, compute: compute)
                    }
                    let input = try Tensor(batch: batch, height: 11, width: 32, channels: width, values: x)
                    let beside = try Tensor(batch: batch, height: 11, width: 32, channels: other, values: second)
                    let output = try compute.linear(input, packed, precedesNorm: true)
                    #expect((output.statistics != nil) == (compute.kernels.name == "amx"))
                    for second in [nil, beside] {
                        let count = channels + (second == nil ? 0 : other)
                        func normalized(_ x: Tensor) throws -> [Float] {
                            try compute.groupNorm(
                                x, second, groups: 3, weight: FloatArray(Array(scale[..<count])),
                                bias: FloatArray(Array(shift[..<count])), epsilon: 1e-5, silu: true
                            ).values
                        }
                        let plain = try normalized(try output.copy()).map(Double.init)
                        #expect(deviation(try normalized(output), plain) < (mean == 0 ? 1e-6 : 3e-4))
                    }
                }
            }
        }
    }
}
