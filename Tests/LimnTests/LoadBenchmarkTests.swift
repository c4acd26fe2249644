import Foundation
import Limn
import TestSupport
import Testing

@Suite(.serialized) struct LoadBenchmarkTests {
    @Test func theWayToTheFirstStepIsToldByStage() async throws {
        var options = LoadBenchmark.Options()
        (options.load.threads, options.load.precision, options.steps) = (2, .float32, 3)
        let report = try await LoadBenchmark.run(model: Fixtures.path("pipeline-a"), options: options)
        #expect(
            report.stages.map(\.name).filter { $0 != "step" } == [
                "program start", "opening", "tokenizer", "reading the text", "packing the UNet", "reading the VAE",
                "text", "first step", "decoding",
            ])
        #expect(report.stages.count >= 11)
        #expect(report.stages.allSatisfy { $0.seconds >= 0 && $0.residentBytes > 0 })
        let before = report.stages.prefix(7).reduce(0) { $0 + $1.seconds }
        #expect(abs(report.secondsToFirstStep - before) < 1e-9)
        #expect(report.peakMemoryBytes >= report.stages[0].residentBytes)
        #expect(report.description.contains("to the first step") && report.description.contains("pipeline-a, "))
        let copy = try JSONDecoder().decode(LoadReport.self, from: JSONEncoder().encode(report))
        #expect(copy.stages.count == report.stages.count && copy.secondsToFirstStep == report.secondsToFirstStep)
    }

    @Test func whatCannotBeLoadedIsAnError() async {
        #expect(await message { _ = try await LoadBenchmark.run(model: "/nowhere") }?.contains("/nowhere") == true)
    }
}
