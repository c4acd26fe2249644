import TestSupport
import Testing

@testable import Sampling

@Suite struct StartingNoiseTests {
    private struct Case: Decodable {
        var seed: UInt64
        var size: [Int]
        var seedSize: [Int]
        var variation: UInt64?
        var strength: Double?
    }

    private func size(_ sides: [Int]) -> StartingNoise.Size {
        .init(channels: sides[0], height: sides[1], width: sides[2])
    }

    /// Against torch: the noise itself, and what the generator gives after it.
    @Test func variationsAndSizesAreTheWebUIs() throws {
        let values = try SamplingFixtures.floats("seeds.f32")
        var offset = 0
        for one in try SamplingFixtures.decoded("seeds.json", as: [Case].self) {
            let pool = SamplePool(count: one.size.reduce(1, *))
            var generator = GeneratorName.torch.generator(seed: one.seed)
            let noise = StartingNoise(
                .torch, seed: one.seed, variation: one.variation.map { ($0, one.strength ?? 0) },
                size: size(one.size), seedSize: size(one.seedSize)
            ).draw(from: &generator, in: pool)
            for drawn in [noise.values, generator.normal(pool.count)] {
                let expected = values[offset..<offset + pool.count]
                offset += pool.count
                #expect(zip(drawn, expected).allSatisfy { abs($0 - $1) < 2e-5 }, "\(one)")
            }
        }
        #expect(offset == values.count)
    }

    /// In high spaces two noises are nearly at right angles, so that half of each is still of length 1.
    @Test func mixturesAreNormal() {
        let size = StartingNoise.Size(channels: 4, height: 64, width: 64)
        let pool = SamplePool(count: 4 * 64 * 64)
        var generator = GeneratorName.torch.generator(seed: 1)
        let values = StartingNoise(.torch, seed: 1, variation: (2, 0.5), size: size, seedSize: size)
            .draw(from: &generator, in: pool).values
        let variance = values.reduce(0) { $0 + $1 * $1 } / Float(values.count)
        #expect(abs(variance - 1) < 0.03)
    }

    @Test(arguments: [1, 2]) func degenerateColumnsAreNumbers(height: Int) {
        let size = StartingNoise.Size(channels: 2, height: height, width: 3)
        let pool = SamplePool(count: 6 * height)
        for second: UInt64 in [1, 2] {
            var generator = GeneratorName.torch.generator(seed: 1)
            let values = StartingNoise(.torch, seed: 1, variation: (second, 0.3), size: size, seedSize: size)
                .draw(from: &generator, in: pool).values
            #expect(values.allSatisfy { $0.isFinite })
        }
    }
}
