import AllocationCounting
import Sampling
import TestSupport
import Testing

@testable import Limn

/// What one step of a picture asks of the system: the network, guidance, the sampler and the report of progress.
@Suite(.serialized) struct StepAllocationTests {
    /// Activations lie in the arena. What is left are the objects that stand for tensors, a hundred bytes each, and the
    /// sampler's arrays of one picture's latents; measured: 6 to 16 of these, and 160 calls of malloc in all.
    @Test(arguments: ["ddim", "euler", "dpm++2m", "unipc", "plms"], [false, true])
    func activationsAreNotAllocated(sampler: String, lowMemory: Bool) async throws {
        guard allocation_counting_works() else { return }
        let model = try await Model.load(
            from: Fixtures.path("pipeline-a"), options: LoadOptions(threads: 2, lowMemory: lowMemory))
        var request = TinyModel.request(steps: 8)
        (request.sampler, request.width, request.height) = (sampler, 256, 256)
        let run = try await model.countingSteps(request)
        let latents = 4 * 32 * 32 * MemoryLayout<Float>.stride

        #expect(run.activationBytes > 20 * latents && run.unplanned == 0)
        // Up to the end of the first step room is made: the counter does see what is mapped.
        #expect(!lowMemory || run.steps[0].maps > 0)
        for step in run.steps.dropFirst(2) {
            #expect(step.maps == 0 && step.calls > 0)
            #expect(step.largest <= latents + 64)
            #expect(step.bytes <= 17 * latents + 256 * step.calls)
            #expect(step.calls < 250)
        }
        #expect(run.steps[5].calls == run.steps[6].calls)
    }

    /// Evaluations of other batches and of fewer layers are planned, and what they hand on has its place.
    @Test(arguments: ["ddim", "heun"], [false, true])
    func shortcutsAllocateNoMoreThanWholeSteps(sampler: String, lowMemory: Bool) async throws {
        guard allocation_counting_works() else { return }
        let model = try await Model.load(
            from: Fixtures.path("pipeline-a"), options: LoadOptions(threads: 2, lowMemory: lowMemory))
        var request = TinyModel.request(steps: 9)
        (request.sampler, request.width, request.height) = (sampler, 256, 256)
        (request.guidanceEnd, request.cacheInterval) = (0.5, 2)
        let run = try await model.countingSteps(request)
        let latents = 4 * 32 * 32 * MemoryLayout<Float>.stride

        #expect(run.unplanned == 0)
        for step in run.steps.dropFirst(2) {
            #expect(step.maps == 0 && step.calls > 0)
            #expect(step.largest <= latents + 64)
        }
    }
}

extension Model {
    /// What each step allocates on the thread that drives it.
    fileprivate func countingSteps(
        _ request: Request
    ) throws -> (steps: [allocation_counts], activationBytes: Int, unplanned: Int) {
        let job = try PreparedRequest(request, description: description, scheduler: scheduler)
        var steps: [allocation_counts] = []
        steps.reserveCapacity(100)
        var activations = 0
        try draw(job) { event in
            let counts = allocation_counting_stop()
            guard case .progress(let progress) = event, case .denoising(let step, _) = progress.stage else { return }
            if step > 0 { steps.append(counts) }
            activations = compute.arena.capacity * MemoryLayout<Float>.stride
            allocation_counting_start()
        }
        return (steps, activations, compute.arena.unplannedCount)
    }
}
