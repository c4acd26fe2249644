import Limn
import Testing

@Suite struct BenchmarkTests {
    /// It works on a thread of no task, which has to be told.
    @Test(.timeLimit(.minutes(1))) func aCancelledBenchmarkStops() async throws {
        let task = Task {
            var options = Benchmark.Options(shape: "icons-64")
            (options.repeats, options.threads) = (1000, 1)
            _ = try await Benchmark.run(options)
        }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
