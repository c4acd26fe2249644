import Testing

@testable import Sampling

@Suite struct RegistryTests {
    @Test(
        arguments: [
            ("euler", SamplerName.euler, nil), ("Euler a", .eulerAncestral, nil),
            ("euler_a", .eulerAncestral, nil),
            ("DPM++ 2M", .dpmpp2m, nil), ("DPM++ 2M Karras", .dpmpp2m, .karras), ("dpmpp_2m", .dpmpp2m, nil),
            ("dpm++2m_karras", .dpmpp2m, .karras), ("DPM++ 2M SDE Exponential", .dpmpp2mSDE, .exponential),
            ("PLMS", .plms, nil), ("PNDMScheduler", .pndm, nil),
            ("EulerAncestralDiscreteScheduler", .eulerAncestral, nil),
            ("UniPC", .unipc, nil), ("uni_pc", .unipc, nil), ("LMS Karras", .lms, .karras),
            ("Heun", .heun, nil), ("DPM++ 3M SDE Exponential", .dpmpp3mSDE, .exponential),
            ("DPM++ 2S a Karras", .dpmpp2sAncestral, .karras), ("dpm_2_ancestral", .dpm2Ancestral, nil),
            ("KDPM2DiscreteScheduler", .dpm2, nil), ("dpmpp_sde_gpu", .dpmppSDE, nil),
            ("DPM fast", .dpmFast, nil), ("Restart", .restart, nil), ("Euler SGM Uniform", .euler, .sgmUniform),
            ("Euler a Align Your Steps", .eulerAncestral, .alignYourSteps), ("heun beta", .heun, .beta),
            ("DDIM", .ddim, nil), ("ddpm", .ddpm, nil),
        ] as [(String, SamplerName, ScheduleName?)])
    func namesOfTheFieldAreKnown(_ name: String, _ sampler: SamplerName, _ schedule: ScheduleName?) throws {
        let parsed = try SamplerName.parse(name)
        #expect(parsed.sampler == sampler && parsed.schedule == schedule)
    }

    @Test func everySamplerIsKnownByItsOwnNameAndNoNameTwice() throws {
        var seen: Set<String> = []
        for sampler in SamplerName.allCases {
            #expect(try SamplerName(named: sampler.rawValue) == sampler)
            #expect(!sampler.summary.isEmpty)
            for name in Set(sampler.names.map(folded)) {
                #expect(seen.insert(name).inserted, "\(name)")
            }
        }
    }

    @Test func anUnknownNameIsAnsweredWithTheNearest() {
        #expect(throws: SamplingError.self) { try SamplerName(named: "") }
        do {
            _ = try SamplerName(named: "eular")
        } catch {
            #expect("\(error)".contains("did you mean euler?"))
            #expect("\(error)".contains("dpm++2m"))
        }
        do {
            _ = try ScheduleName(named: "karas")
        } catch { #expect("\(error)".contains("did you mean karras?")) }
        do {
            _ = try GeneratorName(named: "xyzzyplugh")
        } catch { #expect(!"\(error)".contains("did you mean") && "\(error)".contains("torch, cuda, numpy")) }
    }

    @Test func anUnknownClassIsAnsweredWithTheSupportedOnes() {
        var config = SchedulerConfig()
        for name in ["FlowMatchEulerDiscreteScheduler", nil] {
            config.className = name
            do {
                _ = try makeSampler(nil, .init(steps: 10, config: config))
                Issue.record("made a sampler")
            } catch { #expect("\(error)".contains("EulerDiscreteScheduler, EDMEulerScheduler, Euler")) }
        }
    }

    @Test func aScheduleIsRefusedWhereStepsAreTimesteps() {
        for name in SamplerName.allCases {
            for schedule in ScheduleName.allCases {
                let sampler = try? makeSampler(
                    name, .init(steps: 10, schedule: schedule, config: SamplingFixtures.stableDiffusion))
                let isTaken =
                    schedule.spacesSigmas ? name.takesSchedule : name.takesSpacing || schedule == .discrete
                #expect((sampler != nil) == isTaken, "\(name) \(schedule)")
            }
        }
    }

    @Test(arguments: [-0.1, 1.5, Float.nan]) func etaIsChecked(_ eta: Float) {
        #expect(throws: SamplingError.self) {
            try makeSampler(.ddim, .init(steps: 10, eta: eta, config: SchedulerConfig()))
        }
    }

    @Test(arguments: [-1, 0, 1001, Int.max, Int.min]) func stepsAreChecked(_ steps: Int) {
        for name in SamplerName.allCases {
            #expect(throws: SamplingError.self) {
                try makeSampler(name, .init(steps: steps, config: SchedulerConfig()))
            }
        }
    }

    @Test func anOffsetBeyondTheTrainingStepsSaysHowManyStepsFit() throws {
        var config = SchedulerConfig()
        config.stepsOffset = 1
        #expect(
            throws: SamplingError.steps(
                asked: 1000, allowed: 1...999,
                reason: "with a steps_offset of 1 they go beyond the model's 1000 training steps")
        ) { try makeSampler(.ddim, .init(steps: 1000, config: config)) }
        #expect(
            try makeSampler(.ddim, .init(steps: 999, config: config)).levels.count == 999)
    }

    @Test func strengthIsCountedAsDiffusersCounts() throws {
        #expect(try firstStep(strength: 0.7, steps: 10) == 3)
        #expect(try firstStep(strength: 0.29, steps: 20) == 15)
        #expect(try firstStep(strength: 1, steps: 50) == 0)
        for strength in [0, 0.01, -1, 1.01, .nan, .infinity] {
            #expect(throws: SamplingError.self) { try firstStep(strength: strength, steps: 20) }
        }
    }

    /// Short and long training, every count of steps, every option: an answer or an error, never a trap or a NaN.
    @Test(arguments: SamplerName.allCases) func everyCombinationEndsWell(_ name: SamplerName) throws {
        for train in [1, 2, 7, 16] {
            for spacing in TimestepSpacing.allCases {
                for schedule in [nil] + ScheduleName.allCases where schedule == nil || spacing == .leading {
                    for steps in 1...train {
                        try checkRun(name, train, spacing, schedule, steps)
                    }
                }
            }
        }
    }

    private func checkRun(
        _ name: SamplerName, _ train: Int, _ spacing: TimestepSpacing, _ schedule: ScheduleName?, _ steps: Int
    ) throws {
        var config = SchedulerConfig()
        config.numTrainTimesteps = train
        config.timestepSpacing = spacing
        config.stepsOffset = steps % 2
        config.solverOrder = 1 + steps % 3
        config.predictionType = .velocity
        config.lowerOrderFinal = steps % 2 == 0
        let sampler: any Sampler
        do {
            sampler = try makeSampler(name, .init(steps: steps, schedule: schedule, config: config))
        } catch is SamplingError { return }
        let parameterization = Parameterization(config)
        let pool = SamplePool(count: 3)
        for first in 0..<sampler.levels.count {
            let x = try sampler.sample(
                Sample([0.5, -1, 2], in: pool), from: first,
                denoise: { parameterization.denoised(x: $0, output: $0 / 2, at: $1) },
                noise: NoiseSource { Sample([1, -1, 0.5], in: pool) }, afterStep: { $1 })
            #expect(x.values.allSatisfy { $0.isFinite }, "\(name) \(train) \(spacing) \(steps) from \(first)")
        }
    }
}
