import Foundation
import TestSupport
import Testing

@testable import Sampling

@Suite struct SamplerRunTests {
    /// Text to image, image to image and inpainting with every sampler, against diffusers.
    @Test(arguments: ["runs", "k-runs"]) func runsEndWhereDiffusersEnds(_ file: String) throws {
        let fixture = try SamplingFixtures.decoded(file + ".json", as: SamplingFixtures.Runs.self)
        let values = try SamplingFixtures.floats(file + ".f32")
        var offset = 0
        var worst: [String: Double] = [:]
        for run in fixture.runs {
            let config = fixture.configs[run.config]
            let name = try run.sampler.map { try SamplerName(named: $0) }
            let sampler = try makeSampler(
                name,
                .init(
                    steps: run.steps, schedule: try run.schedule.map { try ScheduleName(named: $0) },
                    sigmas: run.sigmas,
                    eta: run.eta, config: config))
            let timesteps = values[offset..<offset + run.levels]
            let expected = values[offset + run.levels..<offset + run.levels + SamplingFixtures.count]
            offset += run.levels + SamplingFixtures.count

            #expect(sampler.levels.count == run.levels, "\(run)")
            let listed = sampler.levels.map(\.timestep)
            if listed.allSatisfy({ $0 == $0.rounded() }) && timesteps.allSatisfy({ $0 == $0.rounded() }) {
                #expect(listed == Array(timesteps), "\(run)")
            } else {
                #expect(relativeError(listed, timesteps) < 1e-6, "\(run): \(listed) \(Array(timesteps))")
            }
            // diffusers' EDM classes let the variance explode where this sampler keeps it.
            let scale = sampler.initialNoiseScale / (config.sigmaData == nil ? 1 : sampler.levels[0].alpha)
            #expect(abs(scale - run.scale) <= 1e-6 * run.scale, "\(run)")

            let error = relativeError(try result(of: sampler, run, config), expected)
            #expect(error < 3e-4, "\(run)")
            worst["\(run)"] = error
        }
        #expect(offset == values.count)
        // Where σ begins at 4096 or 20 000, float32 itself is this coarse.
        #expect(worst.values.count { $0 > 5e-6 } <= 12)
        if ProcessInfo.processInfo.environment["LIMN_SHOW_ERRORS"] != nil {
            for (name, error) in worst.sorted(by: { $0.value > $1.value }).prefix(30) { print(name, error) }
        }
    }

    private func result(
        of sampler: any Sampler, _ run: SamplingFixtures.Run, _ config: SchedulerConfig
    ) throws -> [Float] {
        let pool = SamplePool(count: SamplingFixtures.count)
        let clean = Sample(SamplingFixtures.clean, in: pool)
        let parameterization = Parameterization(config)
        var generator = TorchGenerator(seed: 7)
        let noise = generator.normal(in: pool)
        var first = 0
        var x = sampler.initialNoiseScale * noise
        if let strength = run.strength {
            first = try firstStep(strength: strength, steps: run.steps)
            x = sampler.noised(clean, noise: noise, step: first)
        }
        return try sampler.sample(
            x, from: first,
            denoise: { x, level in
                let scale = parameterization.inputScale(at: level)
                let output = SamplingFixtures.network((scale * x).values, level.timestep)
                return parameterization.denoised(x: x, output: Sample(output, in: pool), at: level)
            },
            noise: NoiseSource { generator.normal(in: pool) },
            afterStep: { index, x in
                guard run.inpaint == true else { return x }
                let isLast = sampler.levelAfter(step: index) == nil
                let original = isLast ? clean : sampler.noised(clean, noise: noise, step: index + 1)
                let both = zip(original.values, x.values).enumerated()
                return Sample(both.map { SamplingFixtures.isKept($0) ? $1.0 : $1.1 }, in: pool)
            }
        ).values
    }
}
