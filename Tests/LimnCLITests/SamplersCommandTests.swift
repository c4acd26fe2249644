import Foundation
import Limn
import TestSupport
import Testing

/// `limn samplers`.
struct SamplersCommandTests {
    private let runner: CommandRunner

    init() throws { runner = try CommandRunner() }

    @Test func listsWhatThereIs() async throws {
        let outcome = try await runner.run(["samplers"])
        #expect(outcome.status == 0)
        for choice in Choices.samplers + Choices.schedules + Choices.noiseSchedules {
            #expect(outcome.lines.contains { $0.hasPrefix("  \(choice.name) ") && $0.hasSuffix(choice.summary) })
        }
    }

    @Test func tellsOfOneByAnyOfItsNames() async throws {
        for name in ["DPM++ 2S a", "dpmpp_2s_ancestral", "dpm++2s_a"] {
            let outcome = try await runner.run(["samplers", name])
            #expect(outcome.status == 0 && outcome.lines.count == 3)
            #expect(outcome.output.contains("also: DPM++ 2S a, dpmpp_2s_ancestral"))
        }
        let schedule = try await runner.run(["samplers", "Align Your Steps"])
        #expect(schedule.lines.first == "Schedules" && schedule.output.contains("align_your_steps"))
        expectFailure(try await runner.run(["samplers", "eular"]), status: 64, "did you mean euler")
    }

    @Test func asJSON() async throws {
        let outcome = try await runner.run(["samplers", "--json"])
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.samplers == Choices.samplerFacts && report.schedules == Choices.scheduleFacts)
        #expect(report.noiseSchedules == Choices.noiseSchedules)
        let heun = try #require(report.samplers.first { $0.name == "heun" })
        #expect(heun.order == 2 && heun.evaluations == 2 && !heun.isStochastic && heun.takesSchedule)
    }

    /// Samplers with steps of their own, and schedules with fewer or more levels than steps, begin from pictures too.
    @Test func picturesAreBegunFromWithAnySteps() async throws {
        let (picture, mask) = (CommandRunner.tinyModel + "/init.png", CommandRunner.tinyModel + "/mask.png")
        let runs = [
            ["--sampler", "dpm_fast", "--steps", "7", "--strength", "0.6", "--mask", mask],
            ["--sampler", "dpm_adaptive", "--rtol", "0.5", "--atol", "0.5", "--steps", "4", "--strength", "0.5"],
            ["--sampler", "restart", "--steps", "24", "--strength", "0.9", "--mask", mask],
            ["--sampler", "dpm2", "--schedule", "beta_timesteps", "--steps", "900", "--strength", "0.002"],
            ["--sampler", "euler", "--schedule", "ddim_uniform", "--steps", "30", "--strength", "0.2"],
            ["--sampler", "heun", "--sigmas", "10,5,2,1", "--strength", "0.5", "--mask", mask],
        ]
        let start = ["-q", "-m", CommandRunner.tinyModel, "a", "-s", "1", "-i", picture]
        for (index, flags) in runs.enumerated() {
            let outcome = try await runner.run(start + flags + ["-o", "picture\(index)"])
            #expect(outcome.status == 0, "\(flags): \(outcome.error)")
        }
        expectFailure(
            try await runner.run(start + ["--mask", mask, "--sampler", "dpm_adaptive"]), status: 64,
            "chooses its steps on the way")
    }

    private struct Report: Decodable {
        var samplers: [SamplerFacts]
        var schedules: [ScheduleFacts]
        var noiseSchedules: [NamedChoice]
    }
}
