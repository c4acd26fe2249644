import Testing

@testable import Sampling

/// What the whole runs of `pipeline-lcm` do not show by themselves.
@Suite struct LCMTests {
    private func timesteps(_ steps: Int, _ change: (inout SchedulerConfig) -> Void = { _ in }) throws -> [Float] {
        var config = SchedulerConfig()
        (config.className, config.betaSchedule) = ("LCMScheduler", .scaledLinear)
        change(&config)
        return try makeSampler(nil, .init(steps: steps, config: config)).levels.map(\.timestep)
    }

    /// The published schedules of 1, 4 and 8 steps.
    @Test func timestepsAreThoseOfTheDistillation() throws {
        #expect(try timesteps(1) == [999])
        #expect(try timesteps(4) == [999, 759, 499, 259])
        #expect(try timesteps(8) == [999, 879, 759, 639, 499, 379, 259, 139])
        #expect(try timesteps(3) { $0.originalInferenceSteps = 7 } == [993, 709, 425])
    }

    @Test func moreStepsThanWereDistilledAreRefused() {
        for steps in [0, -1, 51, Int.max, Int.min] {
            #expect(throws: SamplingError.self, "\(steps)") { try timesteps(steps) }
        }
    }
}
