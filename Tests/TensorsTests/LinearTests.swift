import Tensors
import Testing

extension GroundFloor {
    /// Linear layers with every activation against sums in double precision. Measured: at most 7e-7.
    @Suite struct LinearTests {
        static let bound = 2e-6

        private struct Shape {
            var rows: Int
            var depth: Int
            var out: Int
            var activation: Activation
            var hasBias = true
            var hasResidual = false
        }

        private func check(_ shapes: [Shape], seed: UInt64) throws {
            let machines = Machine.all
            var random = SplitMix(seed)
            for s in shapes {
                let columns = s.activation == .geglu ? 2 * s.out : s.out
                let x = random.values(s.rows * s.depth)
                let weight = random.values(columns * s.depth, deviation: 1 / Float(s.depth).squareRoot())
                let bias = random.values(columns)
                let residual = random.values(s.rows * s.out)
                var sums = Reference.product(x, weight, depth: s.depth)
                if s.hasBias { for index in sums.indices { sums[index] += Double(bias[index % columns]) } }
                let expected = (0..<s.rows * s.out).map { index in
                    let (row, column) = index.quotientAndRemainder(dividingBy: s.out)
                    let gate = s.activation == .geglu ? sums[row * columns + s.out + column] : 0
                    return Reference.activate(s.activation, sums[row * columns + column], gate: gate)
                        + (s.hasResidual ? Double(residual[index]) : 0)
                }
                try TensorsTests.check(machines, expected, bound: Self.bound, "\(s)") { compute in
                    let weights = try weight.withUnsafeBufferPointer {
                        try PackedWeights(
                            weight: $0, bias: s.hasBias ? bias : nil, inChannels: s.depth, outChannels: s.out,
                            activation: s.activation, compute: compute)
                    }
                    return try compute.linear(
                        Tensor(batch: 1, height: 1, width: s.rows, channels: s.depth, values: x), weights,
                        residual: s.hasResidual
                            ? Tensor(batch: 1, height: 1, width: s.rows, channels: s.out, values: residual) : nil)
                }
            }
        }

        /// The same bits, however many pictures there are.
        @Test(arguments: [40, 300]) func picturesDoNotDependOnEachOther(pixels: Int) throws {
            var random = SplitMix(12)
            let (depth, out, batch) = (70, 33, 3)
            let weight = random.values(out * depth)
            let x = random.values(batch * pixels * depth)
            for compute in Machine.all.flatMap(\.computes) {
                let weights = try weight.withUnsafeBufferPointer {
                    try PackedWeights(weight: $0, bias: nil, inChannels: depth, outChannels: out, compute: compute)
                }
                func output(_ pictures: Range<Int>) throws -> [Float] {
                    let values = Array(x[pictures.lowerBound * pixels * depth..<pictures.upperBound * pixels * depth])
                    return try compute.linear(
                        Tensor(batch: pictures.count, height: 1, width: pixels, channels: depth, values: values),
                        weights
                    ).values
                }
                let together = try output(0..<batch)
                for picture in 0..<batch {
                    let alone = try output(picture..<picture + 1)
                    let same = alone.elementsEqual(together[picture * pixels * out..<(picture + 1) * pixels * out])
                    #expect(same, "\(compute.kernels.name) \(picture)")
                }
            }
        }

        @Test(arguments: [Activation.none, .silu, .gelu, .quickGELU, .geglu])
        func everyShape(activation: Activation) throws {
            var random = SplitMix(11)
            var outs = Deck([1, 3, 7, 8, 9, 16, 31, 32, 33, 64, 65, 130])
            var coins = Deck([true, false])
            var shapes: [Shape] = []
            for rows in [1, 2, 5, 6, 7, 97, 200, 257, 525] {
                for depth in [1, 2, 95, 96, 97, 200, 1000] {
                    var out = outs.draw(&random)
                    if rows * depth * out > 3_000_000 { out = 9 }
                    shapes.append(
                        Shape(
                            rows: rows, depth: depth, out: out, activation: activation, hasBias: coins.draw(&random),
                            hasResidual: coins.draw(&random)))
                }
            }
            try check(shapes, seed: 12)
        }

        /// Values where a careless exponential overflows: the activations must end as their limits do.
        @Test func extremeArguments() throws {
            let x: [Float] = [-1e20, -1e10, -1000, -100, -90, -88, -20, 0, 20, 88, 90, 100, 1000, 1e10, 1e38]
            for activation in [Activation.silu, .gelu, .quickGELU] {
                for compute in Machine.all.map(\.computes[0]) {
                    let weights = try [Float(1)].withUnsafeBufferPointer {
                        try PackedWeights(
                            weight: $0, bias: nil, inChannels: 1, outChannels: 1, activation: activation,
                            compute: compute)
                    }
                    let input = try Tensor(batch: 1, height: 1, width: x.count, channels: 1, values: x)
                    let result = try compute.linear(input, weights).values
                    for (x, y) in zip(x, result) {
                        let limit = Reference.activate(activation, Double(x), gate: 0)
                        let scale = max(abs(limit), 1)
                        #expect(abs(Double(y) - limit) < 1e-6 * scale, "\(compute.kernels.name) \(activation) of \(x)")
                    }
                }
            }
        }
    }
}
