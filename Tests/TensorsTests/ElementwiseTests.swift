import CKernels
import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Loops over plain arrays, with every remainder of the vector length.
    @Suite struct ElementwiseTests {
        @Test func silu() throws {
            let machines = Machine.all
            var random = SplitMix(41)
            for count in Array(1...40) + [1000, 4099] {
                let x = random.values(count, deviation: 5)
                let expected = x.map { Reference.silu(Double($0)) }
                try check(machines, expected, bound: 5e-7, "\(count) values") {
                    try $0.silu(Tensor(batch: 1, height: 1, width: 1, channels: count, values: x))
                }
            }
        }

        /// T5's activations, over rows of which some are odd.
        @Test func feedForwardActivations() throws {
            let machines = Machine.all
            var random = SplitMix(42)
            for channels in [1, 7, 16, 33, 64, 100] {
                for rows in [1, 16, 37] {
                    let x = random.values(rows * 2 * channels, deviation: 3)
                    let gated = (0..<rows * channels).map { index in
                        let at = index / channels * 2 * channels + index % channels
                        return Reference.tanhGELU(Double(x[at])) * Double(x[at + channels])
                    }
                    func input() throws -> Tensor {
                        try Tensor(batch: 1, height: 1, width: rows, channels: 2 * channels, values: x)
                    }
                    try check(machines, gated, bound: 1e-6, "\(rows) rows of \(channels)") { try $0.gated(input()) }
                    try check(machines, x.map { Double(max($0, 0)) }, bound: 1e-9, "\(rows) rows of \(channels)") {
                        try $0.rectified(input())
                    }
                }
            }
            // Where the cube overflows, the slope is 1 or 0.
            let extremes: [Float] = [3e38, 2, -3e38, 2]
            for compute in machines.flatMap(\.computes) {
                let x = try Tensor(batch: 1, height: 1, width: 2, channels: 2, values: extremes.map { $0 / 4 })
                let values = try compute.gated(x).values
                #expect(values[0] == 3e38 / 8 && abs(values[1]) < 1e2, "\(compute.kernels.name): \(values)")
            }
        }

        /// All 65,536 codes of half precision; a NaN stays one.
        @Test func halfPrecision() {
            let codes = (0...UInt16.max).map { $0 }
            for kernels in Kernels.tested {
                var values = [Float](repeating: -1, count: codes.count)
                limn_stored_to_f32(kernels.table, LIMN_STORED_F16, codes, codes.count, &values)
                let wrong = codes.filter { code in
                    let value = values[Int(code)]
                    return code & 0x7fff > 0x7c00 ? !value.isNaN : value.bitPattern != Self.single(code).bitPattern
                }
                #expect(wrong.isEmpty, "\(kernels.name): \(wrong.prefix(5))")
            }
        }

        /// The value of a half-precision code from its sign, exponent and fraction, so that no platform's Float16 is needed.
        private static func single(_ code: UInt16) -> Float {
            let exponent = Int(code >> 10 & 31)
            let fraction = Float(code & 1023) / 1024
            let magnitude: Float =
                switch exponent {
                case 0: fraction * 0x1p-14
                case 31: fraction == 0 ? .infinity : .nan
                default: (1 + fraction) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
                }
            return code >> 15 == 1 ? -magnitude : magnitude
        }

        @Test func brainFloats() {
            let codes = (0...UInt16.max).map { $0 }
            for kernels in Kernels.tested {
                var values = [Float](repeating: -1, count: codes.count)
                limn_stored_to_f32(kernels.table, LIMN_STORED_BF16, codes, codes.count, &values)
                let wrong = codes.filter { values[Int($0)].bitPattern != UInt32($0) << 16 }
                #expect(wrong.isEmpty, "\(kernels.name): \(wrong.prefix(5))")
            }
        }

        /// Conversions at every remainder write what they were asked to write and nothing past it.
        @Test func conversionsStopWhereTheyShould() {
            for kernels in Kernels.tested {
                for count in 0...40 {
                    let codes = [UInt16](repeating: 0x3c00, count: count)
                    var values = [Float](repeating: 7, count: count + 32)
                    limn_stored_to_f32(kernels.table, LIMN_STORED_F16, codes, count, &values)
                    #expect(values == [Float](repeating: 1, count: count) + [Float](repeating: 7, count: 32))
                    values = [Float](repeating: 7, count: count + 32)
                    limn_stored_to_f32(
                        kernels.table, LIMN_STORED_BF16, [UInt16](repeating: 0x3f80, count: count), count, &values)
                    #expect(values == [Float](repeating: 1, count: count) + [Float](repeating: 7, count: 32))
                }
            }
        }
    }
}
