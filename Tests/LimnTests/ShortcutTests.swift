import Sampling
import Tensors
import TestSupport
import Testing

@testable import Limn

/// What is traded for time: guidance that ends early, and evaluations of the UNet's outermost layers alone.
@Suite(.serialized) struct ShortcutTests {
    /// A whole network of which the deep layers' output is exchanged, and a pipeline that is told to stop guiding.
    @Test(arguments: ["a", "b"])
    func runsEndInTheLatentsOfDiffusers(_ letter: String) async throws {
        let reference = try ReferenceRuns("shortcuts-" + letter)
        let model = try await Model.load(
            from: Fixtures.path("pipeline-" + letter), options: LoadOptions(threads: 2, precision: .float32))
        var worst = 0.0
        for (index, run) in reference.runs.enumerated() {
            await model.use(reference.scheduler(index))
            let request = try reference.request(index)
            let latents = try #require(try await model.generate(request).first?.latents)
            let error = relativeError(latents.values, try reference.latents.float32("\(run.name).latents"))
            #expect(error < 1e-4, "\(run.name)")
            worst = max(worst, error)

            // The reference would prove little if the shortcuts changed nothing.
            var whole = request
            (whole.guidanceEnd, whole.cacheInterval) = (1, 1)
            let other = try #require(try await model.generate(whole).first?.latents)
            #expect(relativeError(latents.values, other.values) > 1e-3, "\(run.name)")
        }
        print("shortcuts-\(letter): \(reference.runs.count) runs, worst error \(worst)")
        #expect(reference.runs.count >= 4)
    }

    /// Settings under which nothing is left out give the same bits as none.
    @Test func whatIsNotUsedChangesNothing() async throws {
        let model = try await TinyModel.load()
        func latents(_ change: (inout Request) -> Void) async throws -> Latents? {
            var request = TinyModel.request()
            change(&request)
            return try await model.generate(request)[0].latents
        }
        let plain = try await latents { _ in }
        #expect(try await latents { ($0.guidanceEnd, $0.cacheInterval) = (1, 1) } == plain)
        // Rounded, all of the four steps.
        #expect(try await latents { $0.guidanceEnd = 0.9 } == plain)
        let oneStep = try await latents { $0.steps = 1 }
        #expect(try await latents { ($0.steps, $0.cacheInterval) = (1, 5) } == oneStep)
        let unguided = try await latents { $0.guidanceScale = 1 }
        #expect(try await latents { $0.guidanceEnd = 0 } == unguided)
        #expect(try await latents { ($0.guidanceScale, $0.guidanceEnd) = (1, 0.5) } == unguided)
    }

    @Test func theWorkIsLeftOut() async throws {
        let model = try await TinyModel.load()
        var request = TinyModel.request(steps: 8)
        let whole = try await model.workOfSteps(request)
        #expect(Set(whole.map(\.convolutions)).count == 1)

        request.cacheInterval = 3
        let cached = try await model.workOfSteps(request)
        for (step, work) in cached.enumerated() {
            #expect(step % 3 == 0 ? work == whole[0] : work.convolutions < whole[0].convolutions, "step \(step)")
        }
        // conv_in, conv_out, and two in each of three resnet blocks.
        #expect(cached[1].convolutions == 2 + 3 * 2)
        #expect(cached[1] == cached[2] && cached[1] == cached[4])

        (request.guidanceEnd, request.cacheInterval) = (0.5, 1)
        let halved = try await model.workOfSteps(request)
        #expect(halved[..<4] == whole[..<4])
        #expect(halved[4...].allSatisfy { 2 * $0.operations == whole[0].operations })

        // The first evaluation of the prompt alone is whole: it finds no features of its own.
        request.cacheInterval = 3
        let both = try await model.workOfSteps(request)
        #expect(both[..<4] == cached[..<4])
        #expect(both[4] == halved[4] && 2 * both[5].operations == cached[1].operations && both[7] == halved[4])
    }

    @Test(arguments: Precision.computable)
    func theSameBytesHoweverTheyAreDrawn(_ precision: Precision) async throws {
        var request = TinyModel.request(steps: 6)
        (request.count, request.guidanceEnd, request.cacheInterval) = (2, 0.7, 2)
        let model = try await TinyModel.load(precision: precision)
        let pictures = try await model.generate(request)
        var second = request
        (second.count, second.seed) = (1, 8)
        #expect(try await model.generate(second)[0].pngData() == pictures[1].pngData())
        #expect(try await TinyModel.load(threads: 3, precision: precision).generate(request) == pictures)
        let low = try await Model.load(
            from: Fixtures.path("pipeline-a"),
            options: LoadOptions(threads: 2, precision: precision, lowMemory: true))
        #expect(try await low.generate(request) == pictures)
    }

    @Test func aStoppedRunLeavesNothingBehind() async throws {
        var request = TinyModel.request(steps: 6)
        (request.guidanceEnd, request.cacheInterval) = (0.7, 3)
        let model = try await TinyModel.load()
        let expected = try await model.generate(request)
        for stop in 1...5 {
            for try await event in model.events(for: request) {
                if case .progress(let progress) = event, case .denoising(stop, _) = progress.stage { break }
            }
            #expect(try await model.generate(request) == expected)
        }
    }

    @Test func inpaintingTakesThem() async throws {
        let model = try await TinyModel.load("pipeline-inpaint")
        var request = TinyModel.request(steps: 6)
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.mask = try TinyModel.mask { x, _ in x > 30 }
        let whole = try await model.generate(request)[0]
        (request.guidanceEnd, request.cacheInterval) = (0.5, 2)
        let picture = try await model.generate(request)[0]
        #expect(picture.latents != whole.latents)
        #expect(picture.pixels[..<30] == whole.pixels[..<30])
    }
}

private struct StepWork: Equatable {
    var convolutions: Int
    var operations: Double
}

extension Model {
    /// The convolutions that each step runs, and the operations of all that it runs.
    fileprivate func workOfSteps(_ request: Request) throws -> [StepWork] {
        let job = try PreparedRequest(request, description: description, scheduler: scheduler)
        var steps: [StepWork] = []
        defer { compute.profile = nil }
        try draw(job) { event in
            guard case .progress(let progress) = event, case .denoising(let step, _) = progress.stage else { return }
            if step > 0, let entries = compute.profile?.entries {
                steps.append(
                    StepWork(
                        convolutions: entries[.convolution]?.calls ?? 0,
                        operations: entries.values.reduce(0) { $0 + $1.operations }))
            }
            compute.profile = Profile()
        }
        return steps
    }
}
