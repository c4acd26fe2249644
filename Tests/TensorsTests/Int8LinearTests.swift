import Glibc
import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Linear layers of 8-bit integers. Skipped where no kernels multiply such numbers.
    @Suite struct Int8LinearTests {
        private let machines = Machine.withInt8

        /// Rows that 8 bits hold exactly: whole numbers of power-of-two steps, with the largest, 127 steps, in each.
        private func steps(_ rows: Int, _ depth: Int, of step: Float, _ random: inout SplitMix) -> [Float] {
            (0..<rows * depth).map { index in
                let number = index % depth == index / depth % depth ? 127 : Int(random.next() % 255) - 127
                return Float(number) * step
            }
        }

        private func linear(
            _ weight: [Float], bias: [Float]?, depth: Int, out: Int, activation: Activation = .none,
            operands: Element = .int8, _ compute: Compute
        ) throws -> PackedWeights {
            try weight.withUnsafeBufferPointer {
                try PackedWeights(
                    weight: $0, bias: bias, inChannels: depth, outChannels: out, activation: activation,
                    operands: operands, compute: compute)
            }
        }

        private func tensor(_ rows: Int, _ channels: Int, _ values: [Float]) throws -> Tensor {
            try Tensor(batch: 1, height: 1, width: rows, channels: channels, values: values)
        }

        /// The same values as bfloat16, through a linear layer that changes nothing.
        private func rounded(_ x: Tensor, _ compute: Compute) throws -> Tensor {
            let channels = x.channels
            var identity = [Float](repeating: 0, count: channels * channels)
            for index in 0..<channels { identity[index * channels + index] = 1 }
            let layer = try linear(
                identity, bias: nil, depth: channels, out: channels, operands: .bfloat16, compute)
            return try compute.linear(x, layer, asOperand: true)
        }

        /// Where nothing is rounded, the result is that of sums in double precision.
        @Test(arguments: [Activation.none, .silu, .gelu, .quickGELU, .geglu])
        func whatEightBitsHoldIsExact(activation: Activation) throws {
            var random = SplitMix(51)
            var outs = Deck([1, 3, 7, 16, 31, 33, 63, 64, 65, 130])
            for rows in [1, 2, 7, 15, 17, 33, 63, 65, 97, 257] {
                for depth in [1, 3, 4, 7, 63, 64, 65, 130, 1000, 1300] {
                    var out = outs.draw(&random)
                    if rows * depth * out > 2_000_000 { out = 9 }
                    let columns = activation == .geglu ? 2 * out : out
                    let x = steps(rows, depth, of: 0x1p-6, &random)
                    let step = Float(sign: .plus, exponent: -6 - Int(log2(Double(depth)) / 2), significand: 1)
                    let weight = steps(columns, depth, of: step, &random)
                    let bias = random.values(columns)
                    let residual = random.values(rows * out)
                    let sums = Reference.product(x, weight, depth: depth)
                    let expected = (0..<rows * out).map { index in
                        let (row, column) = index.quotientAndRemainder(dividingBy: out)
                        func sum(_ column: Int) -> Double { sums[row * columns + column] + Double(bias[column]) }
                        let gate = activation == .geglu ? sum(out + column) : 0
                        return Reference.activate(activation, sum(column), gate: gate) + Double(residual[index])
                    }
                    // Measured: at most 3.4e-7.
                    try check(machines, expected, bound: 2e-6, "\(rows) × \(depth) → \(out) \(activation)") { compute in
                        let layer = try linear(
                            weight, bias: bias, depth: depth, out: out, activation: activation, compute)
                        var input = try tensor(rows, depth, x)
                        if depth % 2 == 0, depth < 200 {
                            input = try rounded(input, compute)
                            #expect(input.element == .bfloat16)
                        }
                        return try compute.linear(input, layer, residual: try tensor(rows, out, residual))
                    }
                }
            }
        }

        /// A step is a 127th of a row's largest value: for values spread evenly the error is a fraction of a percent, and
        /// one that is thirty times the others takes five bits from them.
        @Test func roundingIsWhatItMustBe() throws {
            var random = SplitMix(52)
            let (rows, depth, out) = (65, 321, 70)
            let weight = random.values(out * depth, deviation: 1 / Float(depth).squareRoot())
            var x = random.values(rows * depth)
            // Measured: 5.5e-3 and 3.5e-2.
            for (outlier, bound) in [(Float(1), 8e-3), (30, 5e-2)] {
                for row in 0..<rows { x[row * depth + 5] = outlier }
                let expected = Reference.product(x, weight, depth: depth)
                try check(machines, expected, bound: bound, "outlier of \(outlier)") {
                    try $0.linear(
                        try tensor(rows, depth, x), try linear(weight, bias: nil, depth: depth, out: out, $0))
                }
            }
        }

        /// Rows and columns of zeros and of next to nothing; and what is not finite stays so, in its own row or column,
        /// for the picture's last check to find.
        @Test func extremeValues() throws {
            for compute in machines.map(\.computes[0]) {
                let (rows, depth, out) = (5, 67, 66)
                var x = [Float](repeating: 1, count: rows * depth)
                var weight = [Float](repeating: 1, count: out * depth)
                for k in 0..<depth {
                    (x[depth + k], x[2 * depth + k]) = (0, 1e-42)
                    (weight[depth + k], weight[2 * depth + k]) = (0, 1e-42)
                }
                (x[3 * depth + 9], x[4 * depth + 66]) = (.infinity, .nan)
                (weight[64 * depth + 1], weight[65 * depth]) = (-.infinity, .nan)
                let values = try compute.linear(
                    try tensor(rows, depth, x), try linear(weight, bias: nil, depth: depth, out: out, compute)
                ).values
                for row in 0..<rows {
                    for column in 0..<out {
                        let value = values[row * out + column]
                        if row >= 3 || column >= 64 {
                            // Nothing times infinity may be anything that is no number.
                            let isOfNothing = [1, 2].contains(row) || [1, 2].contains(column)
                            #expect(!value.isFinite || isOfNothing && value == 0, "\(row) \(column): \(value)")
                        } else if [1, 2].contains(row) || [1, 2].contains(column) {
                            #expect(abs(value) < 1e-30)
                        } else {
                            #expect(abs(value - Float(depth)) < 1e-3)
                        }
                    }
                }
            }
        }

        @Test func onlyLinearLayersAreOfIntegers() throws {
            guard let compute = machines.first?.computes.first else { return }
            let weight = [Float](repeating: 1, count: 9 * 16)
            #expect(throws: TensorError.self) {
                _ = try weight.withUnsafeBufferPointer {
                    try PackedWeights(
                        weight: $0, bias: nil, inChannels: 4, outChannels: 4, kernelHeight: 3, kernelWidth: 3,
                        operands: .int8, compute: compute)
                }
            }
            let layer = try linear([1, 1, 1], bias: nil, depth: 3, out: 1, compute)
            #expect(throws: TensorError.self) { _ = try compute.linear(try tensor(1, 4, [1, 2, 3, 4]), layer) }
        }

        @Test func kernelsWithoutIntegersSayWhatToDo() {
            for kernels in Kernels.tested where !kernels.multiplies(.int8) {
                let error = #expect(throws: TensorError.self) {
                    _ = try Compute(kernels: kernels, threads: 1, operands: .float32, isCoarse: true)
                }
                #expect(error?.description.contains("--precision f32") == true)
            }
        }

        /// Larger tiles of Winograd's where maps are large and kernels have them; everything else as without.
        @Test func coarseConvolutions() {
            for kernels in Kernels.tested {
                for side in [0, 8, 16, 31, 32, 64, 512] {
                    for element in [Element.float32, .bfloat16] where kernels.multiplies(element) {
                        let shape = ConvolutionShape(inChannels: 320, outChannels: 320, side: side)
                        let usual = kernels.algorithm(for: shape, operands: element)
                        let coarse = kernels.algorithm(for: shape, operands: element, isCoarse: true)
                        let isLarger = element == .bfloat16 && usual == .winograd2 && side >= 32
                        #expect(coarse == (isLarger ? .winograd4 : usual), "\(kernels.name) \(element) \(side)")
                    }
                }
            }
        }
    }
}
