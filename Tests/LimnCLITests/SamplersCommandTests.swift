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

    private struct Report: Decodable {
        var samplers: [SamplerFacts]
        var schedules: [ScheduleFacts]
        var noiseSchedules: [NamedChoice]
    }
}
