import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Winograd convolutions against sums in double precision.
    @Suite struct WinogradTests {
        private let algorithms: [ConvolutionAlgorithm] = [.winograd2, .winograd4]

        /// - Parameter bounds: for F(2×2) and F(4×4)
        private func check(
            _ machines: [Machine], _ cases: [ConvolutionCase], operands: Element = .float32, bounds: [Double],
            seed: UInt64
        ) throws {
            var random = SplitMix(seed)
            for c in cases {
                let inputs = ConvolutionInputs(c, &random, operands: operands)
                let expected = c.expected(inputs)
                for (algorithm, bound) in zip(algorithms, bounds) {
                    var c = c
                    c.algorithm = algorithm
                    try TensorsTests.check(machines, expected, bound: bound, c.description) { try c.run(inputs, $0) }
                }
            }
        }

        /// Cases of every size, channel count, padding and option that Winograd is for.
        private func mixed(_ count: Int, seed: UInt64) -> [ConvolutionCase] {
            Array(
                ConvolutionTests.mixed(4 * count, seed: seed).lazy.filter { $0.kernel == 3 && $0.geometry.stride == 1 }
                    .prefix(count))
        }

        // Measured: 5.5e-7 and 1.8e-6.
        private let bounds = [1.5e-6, 4e-6]

        @Test func mixedShapes() throws {
            let cases = mixed(120, seed: 91)
            #expect(cases.count == 120)
            try check(Machine.all, cases, bounds: bounds, seed: 92)
        }

        /// Maps with a remainder of tiles in either direction, and more tiles than one task takes.
        @Test func oddMaps() throws {
            let sizes = [(1, 1), (1, 65), (63, 1), (7, 63), (65, 7), (63, 65), (4, 4), (8, 12), (2, 97)]
            let cases = sizes.enumerated().map { index, size in
                var c = ConvolutionCase()
                (c.batch, c.height, c.width) = (index % 3 + 1, size.0, size.1)
                (c.channels, c.out) = ((5, index % 2 * 3), 7)
                (c.hasBatchBias, c.hasResidual) = (index % 2 == 0, index % 3 == 0)
                return c
            }
            try check(Machine.all, cases, bounds: bounds, seed: 93)
        }

        /// Several groups of panels, and depths that are transformed in several blocks, of two sources.
        @Test func wideAndDeep() throws {
            var wide = ConvolutionCase()
            (wide.batch, wide.height, wide.width, wide.channels, wide.out) = (2, 5, 3, (33, 0), 1000)
            var deep = ConvolutionCase()
            (deep.height, deep.width, deep.channels, deep.out) = (3, 6, (1280, 333), 70)
            (deep.hasBatchBias, deep.hasResidual) = (true, true)
            try check(Machine.all, [wide, deep], bounds: bounds, seed: 94)
        }

        /// Transformed inputs and weights are rounded to eight bits: the results cannot be exact. Measured: 6.3e-3
        /// and 2.1e-2.
        @Test func bfloat16LosesNoMoreThanItMust() throws {
            // With AMX there is no need for it.
            let machines = Machine.withBfloat16.filter { $0.kernels.has(.winograd2, .bfloat16) }
            try check(
                machines, mixed(80, seed: 95), operands: .bfloat16, bounds: [8e-3, 3e-2], seed: 96)
        }

        /// The same bits, however many pictures there are: 3×3 convolutions computed directly and by Winograd.
        @Test(arguments: [ConvolutionAlgorithm.direct, .winograd2, .winograd4], [(9, 11), (26, 14)])
        func picturesDoNotDependOnEachOther(algorithm: ConvolutionAlgorithm, size: (Int, Int)) throws {
            var random = SplitMix(98)
            let (height, width) = size
            let (depth, out, batch) = (37, 70, 5)
            let weight = random.values(out * depth * 9)
            let x = random.values(batch * height * width * depth)
            for compute in Machine.all.flatMap(\.computes) where compute.kernels.has(algorithm, .float32) {
                let weights = try weight.withUnsafeBufferPointer {
                    try PackedWeights(
                        weight: $0, bias: nil, inChannels: depth, outChannels: out, kernelHeight: 3, kernelWidth: 3,
                        algorithm: algorithm, operands: .float32, compute: compute)
                }
                func output(_ pictures: Range<Int>) throws -> [Float] {
                    let values = height * width * depth
                    let part = Array(x[pictures.lowerBound * values..<pictures.upperBound * values])
                    let tensor = try Tensor(
                        batch: pictures.count, height: height, width: width, channels: depth, values: part)
                    return try compute.convolution(tensor, nil, weights, ConvolutionGeometry(padding: 1)).values
                }
                let together = try output(0..<batch)
                for picture in 0..<batch {
                    let alone = try output(picture..<picture + 1)
                    let same = alone.elementsEqual(
                        together[picture * height * width * out..<(picture + 1) * height * width * out])
                    #expect(same, "\(compute.kernels.name) \(picture)")
                }
            }
        }

        @Test func stridesAndOtherKernelsAreRefused() throws {
            let compute = try #require(Machine.all.first?.computes.first)
            var random = SplitMix(97)
            var c = ConvolutionCase()
            c.algorithm = .winograd4
            c.geometry = ConvolutionGeometry(stride: 2, padding: 1)
            let strided = ConvolutionInputs(c, &random)
            #expect(throws: TensorError.self) { try c.run(strided, compute) }
            c.geometry = ConvolutionGeometry(padding: 2)
            c.kernel = 5
            let large = ConvolutionInputs(c, &random)
            #expect(throws: TensorError.self) { try c.run(large, compute) }
        }

        @Test func theTableChoosesBySizeAndDepth() throws {
            for kernels in Kernels.tested {
                func choice(_ side: Int, channels: Int = 640, kernel: Int = 3, stride: Int = 1) -> ConvolutionAlgorithm
                {
                    kernels.algorithm(
                        for: ConvolutionShape(
                            inChannels: channels, outChannels: 640, kernel: kernel, stride: stride, side: side),
                        operands: .float32)
                }
                #expect(
                    [64, 32, 16, 8, 0].map { choice($0) } == [.winograd4, .winograd4, .winograd2, .direct, .direct])
                #expect(choice(64, channels: 4) == .direct)
                #expect(choice(64, kernel: 1) == .direct)
                #expect(choice(64, stride: 2) == .direct)
            }
        }
    }
}
