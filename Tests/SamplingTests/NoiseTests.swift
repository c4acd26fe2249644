import TestSupport
import Testing

@testable import Sampling

@Suite struct NoiseTests {
    /// Short and long calls mixed on one generator: every value has the reference's bits.
    @Test func noiseIsTheReferencesToTheBit() throws {
        let draws = try SamplingFixtures.decoded("noise.json", as: [SamplingFixtures.Draw].self)
        let expected = try SamplingFixtures.floats("noise.f32")
        var offset = 0
        for draw in draws {
            var generator = try GeneratorName(named: draw.generator).generator(
                seed: #require(UInt64(draw.seed)))
            for count in draw.counts {
                let drawn = generator.normal(count)
                let wrong = zip(drawn, expected[offset...]).count { $0.bitPattern != $1.bitPattern }
                #expect(drawn.count == count)
                #expect(wrong == 0, "\(draw.generator), seed \(draw.seed), \(count) values")
                offset += count
            }
        }
        #expect(offset == expected.count)
    }

    /// The values that a GPU gives for seed 0, as published with the webui's generator.
    @Test func cudaNoiseIsThePublishedOne() {
        let published: [Float] = [
            -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122,
            -0.32838709,
            -1.07454231, -0.36314407, -1.67105067, 2.26550497,
        ]
        var generator = GeneratorName.cuda.generator(seed: 0)
        #expect(relativeError(generator.normal(12), published) < 1e-6)
        #expect(relativeError(generator.normal(12), published) > 0.1)
    }

    @Test(arguments: GeneratorName.allCases) func noCountTraps(_ name: GeneratorName) {
        var generator = name.generator(seed: 5)
        #expect(generator.normal(0).isEmpty)
        #expect(generator.normal(-3).isEmpty)
        #expect(generator.normal(1).count == 1)
    }
}
