import Foundation
import TestSupport
import Testing

@testable import Sampling

/// σ of the schedules against k-diffusion's, ComfyUI's and diffusers', for Stable Diffusion's noise.
@Suite struct ScheduleTests {
    private func fixture() throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("sampling/schedules.json")))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func levels(
        _ schedule: ScheduleName, _ steps: Int, _ change: (inout SamplerSettings) -> Void = { _ in }
    ) throws -> [NoiseLevel] {
        var settings = SamplerSettings(steps: steps, schedule: schedule, config: SamplingFixtures.stableDiffusion)
        change(&settings)
        return try makeSampler(.euler, settings).levels
    }

    @Test func sigmasAreThoseOfTheSource() throws {
        let fixture = try fixture()
        var checked: Set<String> = []
        for (name, value) in fixture where name != "quantiles" {
            let schedule = try ScheduleName(named: name == "ays_xl" ? "ays" : name)
            for (count, sigmas) in try #require(value as? [String: [Double]]) {
                let steps = try #require(Int(count))
                // diffusers' end of a single timestep is the lowest.
                if steps == 1 && ["karras", "exponential"].contains(name) { continue }
                let made = try levels(schedule, steps) {
                    if name == "ays_xl" { $0.family = .stableDiffusionXL }
                }
                #expect(made.count == sigmas.count, "\(name) \(count)")
                for (level, sigma) in zip(made, sigmas) {
                    #expect(abs(Double(level.sigma) / sigma - 1) < 4e-6, "\(name) \(count): \(level.sigma) \(sigma)")
                }
                // The timestep is the place of σ on the grid.
                #expect(zip(made, made.dropFirst()).allSatisfy { $0.timestep > $1.timestep }, "\(name) \(count)")
                #expect(made.allSatisfy { (0...999).contains($0.timestep) })
            }
            checked.insert(schedule.rawValue)
        }
        #expect(
            Set(ScheduleName.allCases.filter(\.spacesSigmas).map(\.rawValue)).subtracting(checked) == ["beta", "gits"])
    }

    @Test func quantilesAreThoseOfSciPy() throws {
        let quantiles = try #require(try fixture()["quantiles"] as? [String: [[Double]]])
        for (parameters, pairs) in quantiles {
            let numbers = parameters.split(separator: " ").compactMap { Double($0) }
            let distribution = BetaDistribution(alpha: numbers[0], beta: numbers[1])
            for pair in pairs {
                let found = distribution.quantile(pair[0])
                #expect(abs(found - pair[1]) < 1e-11 * pair[1], "\(parameters) \(pair) \(found)")
                #expect(abs(1 - found - (1 - pair[1])) < 1e-13)
            }
            #expect(distribution.quantile(0) == 0 && distribution.quantile(1) == 1)
        }
    }

    /// The table's values lie at every 9.99th of the 999 training steps of Stable Diffusion: a slip of the pen would not.
    @Test func theTableOfGITSHoldsSigmasOfTheTraining() throws {
        for steps in 1...20 {
            let made = try levels(.gits, steps)
            #expect(made.count == steps)
            #expect(zip(made, made.dropFirst()).allSatisfy { $0.sigma > $1.sigma })
            for level in made {
                let place = level.timestep / 9.99
                #expect(abs(place - place.rounded()) < 3e-4, "\(steps): \(level)")
            }
        }
        #expect(try levels(.gits, 40).count == 40)
    }

    @Test func tablesAreRefusedWhereTheNoiseIsAnother() throws {
        for schedule in [ScheduleName.alignYourSteps, .gits] {
            do {
                _ = try levels(schedule, 10) { $0.config.betaSchedule = .squaredCosine }
                Issue.record("made a schedule")
            } catch { #expect("\(error)".contains("which goes up to 14.6")) }
        }
    }

    @Test func spacingsOverrideTheConfiguration() throws {
        for spacing in TimestepSpacing.allCases {
            let schedule = try ScheduleName(named: spacing.rawValue)
            let expected = try levels(.discrete, 20) { $0.config.timestepSpacing = spacing }
            #expect(try levels(schedule, 20) { $0.config.timestepSpacing = .leading } == expected)
            var settings = SamplerSettings(steps: 20, schedule: schedule, config: SamplingFixtures.stableDiffusion)
            settings.config.stepsOffset = 1
            let ddim = try? makeSampler(.ddim, settings).levels.map(\.timestep)
            settings.schedule = nil
            settings.config.timestepSpacing = spacing
            #expect(ddim == (try? makeSampler(.ddim, settings).levels.map(\.timestep)))
        }
    }

    /// Multistep solvers are told fractions where diffusers has no such schedule.
    @Test func multistepSolversTakeEverySchedule() throws {
        for schedule in ScheduleName.allCases where schedule.spacesSigmas {
            let settings = SamplerSettings(steps: 12, schedule: schedule, config: SamplingFixtures.stableDiffusion)
            let euler = try makeSampler(.euler, settings).levels
            for name in [SamplerName.dpmpp2m, .unipc] {
                for (level, other) in zip(try makeSampler(name, settings).levels, euler) {
                    #expect(abs(level.sigma / level.alpha / other.sigma - 1) < 1e-6)
                    #expect(abs(level.timestep - other.timestep) <= 1)
                }
            }
        }
    }

    @Test func sigmasByHandAreStepped() throws {
        for sigmas in [[14.6, 7, 3, 1, 0], [14.6, 7, 3, 1]] {
            for name in [SamplerName.euler, .dpmpp2m, .unipc, .lms, .dpmpp3mSDE] {
                let settings = SamplerSettings(steps: 25, sigmas: sigmas, config: SamplingFixtures.stableDiffusion)
                let levels = try makeSampler(name, settings).levels
                #expect(levels.count == 4)
                for (level, sigma) in zip(levels, sigmas) {
                    #expect(abs(Double(level.sigma / level.alpha) / sigma - 1) < 1e-6)
                }
            }
        }
    }

    @Test(
        arguments: [
            ([], "none above 0"), ([0.0], "none above 0"), ([3.0, 3.0], "3.0 comes after 3.0"),
            ([1, 2], "2.0 comes after 1.0"), ([3, 0, 0], "0.0 is none"), ([3, -1], "-1.0 is none"),
            ([.nan], "nan is none"), ([.infinity, 1], "inf is none"), ([1e6], "1000000.0 is none"),
            ([1, 1 - 1e-12], "comes after"), ((0...1001).map { 2000 - Double($0) }, "1002 are too many"),
        ] as [([Double], String)])
    func sigmasByHandAreChecked(_ sigmas: [Double], _ expected: String) {
        do {
            _ = try makeSampler(.euler, .init(steps: 25, sigmas: sigmas, config: SamplingFixtures.stableDiffusion))
            Issue.record("took \(sigmas.prefix(5))")
        } catch { #expect("\(error)".contains(expected), "\(error)") }
    }

    @Test func sigmasByHandGoWithNoOtherSchedule() {
        let config = SamplingFixtures.stableDiffusion
        let both = SamplerSettings(steps: 25, schedule: .karras, sigmas: [3, 1], config: config)
        #expect(throws: SamplingError.self) { try makeSampler(.euler, both) }
        let steps = SamplerSettings(steps: 25, sigmas: [3, 1], config: config)
        #expect(throws: SamplingError.self) { try makeSampler(.ddim, steps) }
    }
}

/// Settings that only some samplers have.
@Suite struct SamplerSettingsTests {
    private func message(_ name: SamplerName, _ change: (inout SamplerSettings) -> Void) -> String {
        var settings = SamplerSettings(steps: 10, config: SamplingFixtures.stableDiffusion)
        change(&settings)
        do {
            _ = try makeSampler(name, settings)
            return "made"
        } catch { return "\(error)" }
    }

    @Test func rangesAreChecked() {
        #expect(message(.euler) { $0.churn = Churn(amount: -1) }.contains("out of range; give 0.0 to 1000.0"))
        #expect(message(.euler) { $0.churn = Churn(amount: .nan) }.contains("out of range"))
        #expect(message(.euler) { $0.churn = Churn(amount: 1, lowest: 3, highest: 2) }.contains("its lowest, or more"))
        #expect(message(.euler) { $0.churn = Churn(amount: 1, lowest: -3) }.contains("out of range"))
        #expect(message(.eulerAncestral) { $0.noiseFactor = 2.1 }.contains("give 0.0 to 2.0"))
        #expect(message(.dpmAdaptive) { $0.tolerance = Tolerance(relative: 0) }.contains("relative tolerance"))
        #expect(message(.dpmAdaptive) { $0.tolerance = Tolerance(absolute: 7) }.contains("absolute tolerance"))
        #expect(message(.dpmAdaptive) { $0.tolerance = Tolerance(relative: 0.2) } == "made")
    }

    /// A setting that would do nothing is no setting.
    @Test func whatASamplerHasNoUseForIsRefused() {
        for name in SamplerName.allCases {
            let churn = message(name) { $0.churn = Churn(amount: 1) }
            #expect((churn == "made") == name.options.contains(.churn), "\(name): \(churn)")
            #expect(churn == "made" || churn.contains("supported: one of the samplers euler, heun, dpm2"))
            let noise = message(name) {
                $0.noiseFactor = 0.9
                if name.options.contains(.churn) { $0.churn = Churn(amount: 1) }
                if !name.isStochastic, name.options.contains(.eta) { $0.eta = 0.5 }
            }
            #expect((noise == "made") == name.options.contains(.noiseFactor), "\(name): \(noise)")
            let alone = message(name) { $0.noiseFactor = 0.9 }
            #expect((alone == "made") == (name.options.contains(.noiseFactor) && name.isStochastic), "\(name)")
            let eta = message(name) { $0.eta = 0.5 }
            #expect((eta == "made") == name.options.contains(.eta), "\(name): \(eta)")
            let path = message(name) { $0.brownianNoise = true }
            #expect((path == "made") == name.options.contains(.brownianNoise), "\(name): \(path)")
            let tolerance = message(name) { $0.tolerance = Tolerance() }
            #expect((tolerance == "made") == (name == .dpmAdaptive), "\(name): \(tolerance)")
        }
    }

    @Test func noiseIsOverriddenByName() throws {
        let config = SamplingFixtures.stableDiffusion
        #expect(try BetaSchedule(named: "Cosine") == .squaredCosine)
        #expect(try BetaSchedule(named: "quadratic") == .scaledLinear)
        #expect(throws: SamplingError.self) { try BetaSchedule(named: "cubic") }
        #expect(try config.with(betas: .linear, zeroSNR: nil).betaSchedule == .linear)
        var trained = config
        trained.trainedBetas = [Float](repeating: 0.01, count: 1000)
        #expect(try trained.with(betas: .sigmoid, zeroSNR: nil).trainedBetas == nil)
        #expect(try trained.with(betas: nil, zeroSNR: nil) == trained)
        #expect(throws: SamplingError.self) { try config.with(betas: nil, zeroSNR: true) }
    }

    /// Asked for, the training's last step is pure noise for every sampler, or the sampler says that it cannot.
    @Test func zeroSNRIsObeyedByAll() throws {
        var config = SamplingFixtures.stableDiffusion
        config.predictionType = .velocity
        config.timestepSpacing = .trailing
        let rescaled = try config.with(betas: nil, zeroSNR: true)
        for name in SamplerName.allCases {
            do {
                let level = try #require(try makeSampler(name, .init(steps: 10, config: rescaled)).levels.first)
                #expect(level.alpha == 0 || level.sigma / level.alpha > 4000, "\(name)")
            } catch {
                #expect("\(error)".contains("pure noise") && [.pndm, .plms].contains(name), "\(name): \(error)")
            }
        }
        config.rescaleBetasZeroSNR = true
        let kept = try makeSampler(.euler, .init(steps: 10, config: config.with(betas: nil, zeroSNR: false)))
        #expect(kept.levels[0].sigma < 15)
    }
}
