import Foundation
import TestSupport
import Testing

@testable import Sampling

/// Runs of the solvers that Tools/reference/solvers.py has diffusers' classes and ComfyUI's functions do.
@Suite struct SolverRunTests {
    private struct Run: Decodable {
        struct Asked: Decodable {
            var order: Int?
            var gamma: Double?
            var tau: Double?
            var snr: Double?
            var correctorSteps: Int?
        }

        var sampler: String?
        var schedule: String?
        var steps: Int
        var eta: Float?
        var strength: Double?
        /// The scale of guidance, for samplers that look at both predictions.
        var guidance: Float?
        var solver: Asked?
        var levels: Int
        var scale: Float
        var config: Int
    }

    private struct Runs: Decodable {
        var configs: [SchedulerConfig]
        var runs: [Run]
    }

    @Test func runsEndWhereTheOriginalsEnd() throws {
        let fixture = try SamplingFixtures.decoded("solvers.json", as: Runs.self)
        let values = try SamplingFixtures.floats("solvers.f32")
        var offset = 0
        var worst: [String: Double] = [:]
        for run in fixture.runs {
            let config = fixture.configs[run.config]
            let name = try run.sampler.map { try SamplerName(named: $0) }
            let sampler = try makeSampler(name, try settings(run, config))
            let timesteps = values[offset..<offset + run.levels]
            let expected = values[offset + run.levels..<offset + run.levels + SamplingFixtures.count]
            offset += run.levels + SamplingFixtures.count

            #expect(sampler.levels.count == run.levels, "\(run)")
            #expect(relativeError(sampler.levels.map(\.timestep), timesteps) < 2e-4, "\(run)")
            #expect(abs(sampler.initialNoiseScale - run.scale) <= 1e-5 * run.scale, "\(run)")
            let error = relativeError(try result(of: sampler, run, config), expected)
            // The largest is DEIS's from σ = 20 000 on, where it takes a number from one as large, in float32.
            #expect(error < 5e-4, "\(run) \(config.className ?? "")")
            worst["\(error): \(config.className ?? "") \(run)"] = error
        }
        #expect(offset == values.count)
        #expect(worst.values.count { $0 > 1e-5 } <= 6)
        if ProcessInfo.processInfo.environment["LIMN_SHOW_ERRORS"] != nil {
            for (name, _) in worst.sorted(by: { $0.value > $1.value }).prefix(40) { print(name) }
            print("above 1e-5:", worst.values.count { $0 > 1e-5 }, "of", worst.count)
        }
    }

    private func settings(_ run: Run, _ config: SchedulerConfig) throws -> SamplerSettings {
        var settings = SamplerSettings(
            steps: run.steps, schedule: try run.schedule.map { try ScheduleName(named: $0) }, eta: run.eta,
            config: config)
        settings.solver.order = run.solver?.order
        settings.solver.gamma = run.solver?.gamma
        settings.solver.tau = run.solver?.tau
        settings.solver.snr = run.solver?.snr
        settings.solver.correctorSteps = run.solver?.correctorSteps
        return settings
    }

    private func result(of sampler: any Sampler, _ run: Run, _ config: SchedulerConfig) throws -> [Float] {
        let pool = SamplePool(count: SamplingFixtures.count)
        let parameterization = Parameterization(config)
        var generator = TorchGenerator(seed: 7)
        let noise = generator.normal(in: pool)
        var first = 0
        var x = sampler.initialNoiseScale * noise
        if let strength = run.strength {
            first = try firstStep(strength: strength, steps: run.steps)
            x = sampler.noised(Sample(SamplingFixtures.clean, in: pool), noise: noise, step: first)
        }
        func output(_ x: Sample, _ level: NoiseLevel) -> Sample {
            let values = SamplingFixtures.network(x.values, level.timestep)
            guard config.predictionType == .score else { return Sample(values, in: pool) }
            let square = level.timestep * level.timestep + 0.5
            return Sample(zip(x.values, values).map { -($0 - $1) / square }, in: pool)
        }
        return try sampler.sample(
            x, from: first,
            denoise: { x, level in
                let scaled = parameterization.inputScale(at: level) * x
                var denoised = parameterization.denoised(x: x, output: output(scaled, level), at: level)
                guard let guidance = run.guidance else { return denoised }
                let without = parameterization.denoised(
                    x: x, output: output(scaled.map { 0.9 * $0 + 0.1 }, level), at: level)
                denoised.x0 = without.x0 + guidance * (denoised.x0 - without.x0)
                denoised.unconditional = without.x0
                return denoised
            },
            noise: NoiseSource { generator.normal(in: pool) }, afterStep: { $1 }
        ).values
    }
}
