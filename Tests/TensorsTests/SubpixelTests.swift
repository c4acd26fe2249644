import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Convolutions of doubled pictures, a pixel's four parts at a time, against sums in double precision.
    @Suite struct SubpixelTests {
        private static func doubled(_ batch: Int, _ height: Int, _ width: Int, _ channels: (Int, Int), _ out: Int)
            -> ConvolutionCase
        {
            var c = ConvolutionCase()
            (c.batch, c.height, c.width, c.channels, c.out) = (batch, height, width, channels, out)
            c.resized = (2 * height, 2 * width)
            c.algorithm = .subpixel
            return c
        }

        private func check(
            _ machines: [Machine], _ cases: [ConvolutionCase], operands: Element, bound: Double, seed: UInt64
        ) throws {
            var random = SplitMix(seed)
            for c in cases {
                let inputs = ConvolutionInputs(c, &random, operands: operands)
                try TensorsTests.check(machines, c.expected(inputs), bound: bound, c.description) {
                    try c.run(inputs, $0)
                }
            }
        }

        private func cases(sources: Int) -> [ConvolutionCase] {
            let sizes = [(1, 1), (1, 65), (63, 1), (7, 31), (33, 7), (16, 17), (3, 48)]
            return sizes.enumerated().map { index, size in
                let channels = ([3, 64, 65, 32, 130, 96, 640][index], sources == 2 && index % 2 == 0 ? 7 : 0)
                var c = Self.doubled(index % 3 + 1, size.0, size.1, channels, [1, 65, 40, 7, 64, 130, 33][index])
                (c.hasBatchBias, c.hasResidual) = (index % 2 == 0, index % 3 == 0)
                if index % 4 == 1 { c.activation = .silu }
                return c
            }
        }

        @Test func everySetOfKernels() throws {
            try check(Machine.all, cases(sources: 2), operands: .float32, bound: 3e-6, seed: 31)
        }

        /// Weights are added before they are rounded to eight bits: one rounding, as ever, but not that of the reference.
        @Test func bfloat16RoundsSumsOfWeights() throws {
            try check(Machine.withBfloat16, cases(sources: 1), operands: .bfloat16, bound: 6e-3, seed: 32)
        }

        @Test func otherSizesAreRefused() throws {
            let compute = try #require(Machine.all.first?.computes.first)
            var random = SplitMix(33)
            var c = Self.doubled(1, 4, 4, (3, 0), 5)
            c.resized = (7, 8)
            let cropped = ConvolutionInputs(c, &random)
            #expect(throws: TensorError.self) { try c.run(cropped, compute) }
            c.resized = nil
            let plain = ConvolutionInputs(c, &random)
            #expect(throws: TensorError.self) { try c.run(plain, compute) }
        }

        @Test func theTableChoosesItForTilesAlone() {
            for kernels in Kernels.tested {
                func choice(_ operands: Element, doubled: Bool) -> ConvolutionAlgorithm {
                    kernels.algorithm(
                        for: ConvolutionShape(inChannels: 256, outChannels: 256, side: 256, isDoubled: doubled),
                        operands: operands)
                }
                #expect(choice(.float32, doubled: true) == .winograd4)
                guard kernels.name == "amx" else { continue }
                #expect(choice(.bfloat16, doubled: true) == .subpixel)
                #expect(choice(.bfloat16, doubled: false) == .direct)
            }
        }
    }
}
