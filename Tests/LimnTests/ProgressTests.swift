import Limn
import TestSupport
import Testing

@Suite(.serialized) struct ProgressTests {
    @Test func eventsTellTheStagesInOrder() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 3)
        request.count = 2
        var stages: [String] = []
        for try await event in model.events(for: request) {
            switch event {
            case .progress(let progress):
                #expect(progress.pictures == 2)
                switch progress.stage {
                case .encodingText: stages.append("text")
                case .encodingPicture: stages.append("picture in")
                case .denoising(let step, let steps):
                    stages.append("\(progress.picture): \(step)/\(steps)")
                    #expect((progress.secondsPerStep == nil) == (step == 0))
                    #expect((progress.secondsLeft == nil) == (step == 0))
                case .decoding: stages.append("decode")
                }
            case .warning(let text): stages.append(text)
            case .picture: stages.append("drawn")
            }
        }
        #expect(
            stages == [
                "text", "0: 0/3", "0: 1/3", "0: 2/3", "0: 3/3", "decode", "drawn", "1: 0/3", "1: 1/3", "1: 2/3",
                "1: 3/3", "decode", "drawn",
            ])
    }

    @Test func aLongPromptIsCutWithAWarningThatQuotesWhatFellOff() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 1)
        request.prompt = String(repeating: "a red apple ", count: 60) + "under a purple umbrella"
        var warnings: [String] = []
        for try await event in model.events(for: request) {
            if case .warning(let text) = event { warnings.append(text) }
        }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("apple") == true)
        #expect(warnings.first?.contains("tokens") == true)
    }

    @Test func cancellingStopsTheWork() async throws {
        let model = try await TinyModel.load()
        // Minutes of work: other tests may keep this one from its turn for a while.
        var request = TinyModel.request(steps: 900)
        (request.width, request.height) = (512, 512)
        let task = Task { [request] in try await model.generate(request) }
        try await Task.sleep(for: .milliseconds(30))
        let cancelled = ContinuousClock.now
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(ContinuousClock.now - cancelled < .seconds(60))
        // The model is as good as new.
        #expect(try await model.generate(TinyModel.request()).count == 1)
    }

    @Test func leavingTheLoopStopsTheWork() async throws {
        let model = try await TinyModel.load()
        var seen = 0
        for try await event in model.events(for: TinyModel.request(steps: 900)) {
            if case .progress(let progress) = event, case .denoising(let step, _) = progress.stage, step >= 2 {
                seen = step
                break
            }
        }
        #expect(seen == 2)
        #expect(try await model.generate(TinyModel.request()).count == 1)
    }
}
