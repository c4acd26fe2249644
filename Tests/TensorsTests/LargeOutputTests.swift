import TestSupport
import Testing

@testable import Tensors

extension GroundFloor {
    /// Outputs so large that they are written past the cache: the bits of a picture are those that it has alone.
    @Suite struct LargeOutputTests {
        private let batch = 5
        private let height = 256
        private let width = 128

        /// A picture that repeats itself after a prime number of values.
        private func input(batch: Int, channels: Int) throws -> Tensor {
            var random = SplitMix(61)
            let some = random.values(10_007)
            let tensor = try Tensor(batch: batch, height: height, width: width, channels: channels)
            for index in 0..<tensor.count { tensor.pointer[index] = some[index % some.count] }
            return tensor
        }

        /// One of the pictures.
        private func picture(_ index: Int, of x: Tensor) throws -> Tensor {
            let picture = try Tensor(batch: 1, height: height, width: width, channels: x.channels)
            picture.pointer.update(from: x.pointer + index * picture.count, count: picture.count)
            return picture
        }

        private func compare(_ operands: Element, channels: Int, _ operation: (Tensor, Compute) throws -> Tensor) throws
        {
            let x = try input(batch: batch, channels: channels)
            for kernels in Kernels.tested where kernels.multiplies(operands) {
                let compute = try Compute(kernels: kernels, threads: 2, operands: operands)
                let together = try operation(x, compute)
                let bytes = together.rows / batch * together.channels * (together.element == .float32 ? 4 : 2)
                #expect(bytes * batch >= 32 << 20 && bytes < 32 << 20)
                for index in 0..<batch {
                    let alone = try operation(try picture(index, of: x), compute)
                    let same =
                        UnsafeRawBufferPointer(start: alone.raw, count: bytes)
                        .elementsEqual(UnsafeRawBufferPointer(start: together.raw + index * bytes, count: bytes))
                    #expect(same, "\(kernels.name) \(operands) \(index)")
                }
            }
        }

        @Test(arguments: [Element.float32, .bfloat16]) func convolution(operands: Element) throws {
            var random = SplitMix(62)
            let weight = random.values(64 * 16)
            try compare(operands, channels: 16) { x, compute in
                let weights = try weight.withUnsafeBufferPointer {
                    try PackedWeights(weight: $0, bias: nil, inChannels: 16, outChannels: 64, compute: compute)
                }
                return try compute.convolution(x, nil, weights, ConvolutionGeometry())
            }
        }

        @Test func groupNorm() throws {
            var random = SplitMix(63)
            let (weight, bias) = (random.values(128), random.values(128))
            try compare(.bfloat16, channels: 128) { x, compute in
                try compute.groupNorm(
                    x, groups: 32, weight: FloatArray(weight), bias: FloatArray(bias), epsilon: 1e-5, silu: true)
            }
        }
    }
}
