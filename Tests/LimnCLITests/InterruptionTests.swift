import Foundation
import Testing

/// Ctrl-C and SIGTERM while a picture is being drawn, which would take many minutes: other tests may keep this one from
/// its turn for a while.
struct InterruptionTests {
    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func leavesNoFile(signal: Int32, status: Int32) async throws {
        let runner = try CommandRunner()
        let running = try runner.start([
            CommandRunner.program, "x", "-m", CommandRunner.tinyModel,
            "--steps", "1000", "--sampler", "euler", "-W", "512", "-H", "512", "--save-latents", "latents",
        ])
        let clock = ContinuousClock()
        let limit = clock.now + .seconds(200)
        while !running.error.contains("reading the prompt"), clock.now < limit {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(50))
        let sent = clock.now
        #expect(kill(running.identifier, signal) == 0)
        let outcome = await running.outcome()
        #expect(outcome.status == status)
        // At once on a quiet machine; the status says already that the drawing did not go on to its end.
        #expect(clock.now - sent < .seconds(60))
        #expect(outcome.error.hasSuffix("limn: stopped\n"))
        #expect(outcome.output.isEmpty)
        #expect(runner.files.isEmpty, "\(runner.files)")
    }
}
