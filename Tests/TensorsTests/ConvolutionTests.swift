import Tensors
import Testing

extension GroundFloor {
    /// Convolutions of every odd shape against sums in double precision. Measured: at most 7.8e-7.
    @Suite struct ConvolutionTests {
        static let bound = 2e-6

        private func check(_ cases: [ConvolutionCase], seed: UInt64) throws {
            let machines = Machine.all
            var random = SplitMix(seed)
            for c in cases {
                let inputs = ConvolutionInputs(c, &random)
                try TensorsTests.check(
                    machines, c.expected(inputs), bound: Self.bound, c.description
                ) { try c.run(inputs, $0) }
            }
        }

        /// A few hundred cases that together meet every size, channel count, kernel, stride, padding and option.
        static func mixed(_ count: Int, seed: UInt64) -> [ConvolutionCase] {
            var random = SplitMix(seed)
            var sizes = Deck([1, 2, 3, 5, 7, 13])
            var channels = Deck([1, 3, 4, 7, 15, 16, 17, 31, 63, 64, 65, 100])
            var outs = Deck([1, 3, 4, 9, 63, 64, 65, 130])
            var kernels = Deck([1, 3, 3, 5, 7])
            var strides = Deck([1, 1, 2])
            var batches = Deck([1, 2, 3])
            var coins = Deck([true, false])
            var thirds = Deck([0, 1, 2])
            var resizes = Deck([0, 0, 1, 2, 3])
            var activations = Deck<Activation>([.none, .none, .silu, .gelu, .quickGELU, .relu, .relu])
            return (0..<count).map { _ in
                var c = ConvolutionCase()
                c.batch = batches.draw(&random)
                (c.height, c.width) = (sizes.draw(&random), sizes.draw(&random))
                c.channels = (channels.draw(&random), thirds.draw(&random) == 0 ? channels.draw(&random) : 0)
                c.out = outs.draw(&random)
                c.kernel = kernels.draw(&random)
                (c.hasBias, c.hasBatchBias) = (coins.draw(&random), thirds.draw(&random) == 0)
                c.hasResidual = thirds.draw(&random) == 0
                c.activation = activations.draw(&random)
                let stride = strides.draw(&random)
                let resize = resizes.draw(&random)
                let padding = thirds.draw(&random)
                while true {
                    c.resized =
                        switch resize {
                        case 1: (2 * c.height, 2 * c.width)
                        case 2: (2 * c.height - 1, 2 * c.width - 1)
                        case 3: (c.height * 3 / 2 + 1, c.width)
                        default: nil
                        }
                    c.geometry = ConvolutionGeometry(stride: stride, padding: (c.kernel - 1) / 2)
                    if padding == 1 {  // as the VAE's encoder: below and to the right only
                        (c.geometry.padTop, c.geometry.padLeft) = (0, 0)
                        (c.geometry.padBottom, c.geometry.padRight) = (c.kernel - 1, c.kernel - 1)
                    } else if padding == 2 {
                        (c.geometry.padTop, c.geometry.padLeft) = (c.kernel - 1, c.kernel / 2)
                        (c.geometry.padBottom, c.geometry.padRight) = (0, c.kernel)
                    }
                    if c.multiplications < 1_500_000 || c.height * c.width * c.batch == 1 { return c }
                    if c.batch > 1 { c.batch -= 1 } else { (c.height, c.width) = ((c.height + 1) / 2, c.width / 2 + 1) }
                    if c.height == 1, c.width == 2 { c.width = 1 }
                }
            }
        }

        @Test func mixedShapes() throws { try check(Self.mixed(240, seed: 1), seed: 2) }

        /// Rows around the block of 96 and the microkernel of 6, as one row of pixels.
        @Test func rowCounts() throws {
            let cases = [5, 6, 7, 11, 95, 96, 97, 101, 191, 193, 200].map {
                var c = ConvolutionCase()
                (c.height, c.width, c.channels, c.out) = (1, $0, (17, 0), 65)
                return c
            }
            try check(cases, seed: 3)
        }

        @Test func nearestResizing() throws {
            let cases = [(5, 9), (3, 5), (1, 2), (2, 3), (7, 13), (4, 8), (6, 9), (8, 16), (13, 25)].map {
                var c = ConvolutionCase()
                (c.height, c.width, c.channels, c.out) = ($0.0, $0.0 + 1, (3, 2), 4)
                c.resized = ($0.1, $0.1 + 2)
                return c
            }
            try check(cases, seed: 4)
        }

        /// The VAE encoder's downsampling: stride 2 with zeros below and to the right.
        @Test func asymmetricPadding() throws {
            let cases = [2, 3, 7, 8, 13].map { size in
                var c = ConvolutionCase()
                (c.height, c.width, c.channels, c.out) = (size, size + 1, (16, 0), 16)
                c.geometry = ConvolutionGeometry(stride: 2)
                (c.geometry.padBottom, c.geometry.padRight) = (1, 1)
                return c
            }
            try check(cases, seed: 5)
        }

        /// Sums over thousands of products, as in the widest blocks of a UNet.
        @Test func deepSums() throws {
            var c = ConvolutionCase()
            (c.height, c.width, c.channels, c.out) = (3, 3, (1280, 640), 70)
            (c.hasBatchBias, c.hasResidual) = (true, true)
            try check([c], seed: 6)
        }
    }
}
