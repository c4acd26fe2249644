import AllocationCounting
import Sampling
import TestSupport
import Testing

@testable import Limn

/// What one step of a picture asks of the system: the network, guidance, the sampler and the report of progress.
@Suite(.serialized) struct StepAllocationTests {
    @Test(arguments: SamplerName.allCases, [false, true])
    func aStepAllocatesNothing(sampler: SamplerName, lowMemory: Bool) async throws {
        var request = TinyModel.request(steps: 8)
        request.sampler = sampler.rawValue
        try await expectNothing(of: request, lowMemory: lowMemory)
    }

    /// Products of fewer bits need room for what becomes of their operands.
    @Test(arguments: Precision.computable, [false, true])
    func whateverThePrecision(precision: Precision, lowMemory: Bool) async throws {
        var request = TinyModel.request(steps: 8)
        request.sampler = "heun"
        try await expectNothing(of: request, precision: precision, lowMemory: lowMemory)
    }

    /// Evaluations of other batches and of fewer layers are planned, and what they hand on has its place.
    @Test(arguments: ["ddim", "heun"], [false, true])
    func shortcutsDoNotEither(sampler: String, lowMemory: Bool) async throws {
        var request = TinyModel.request(steps: 9)
        (request.sampler, request.guidanceEnd, request.cacheInterval) = (sampler, 0.5, 2)
        try await expectNothing(of: request, lowMemory: lowMemory)
    }

    /// Several prompts at once, of different lengths, which change.
    @Test(arguments: ["ddim", "heun"], [false, true])
    func norDoPromptsThatChange(sampler: String, lowMemory: Bool) async throws {
        var request = TinyModel.request(steps: 9)
        request.prompt = "a [red|green] (apple:1.3) AND a [cat:dog:0.5] BREAK on a table :0.5"
        (request.promptStyle, request.sampler, request.guidanceEnd) = (.webui, sampler, 0.7)
        try await expectNothing(of: request, lowMemory: lowMemory)
    }

    /// Neither do the kinds of guidance, all the more of which there are.
    @Test(arguments: GuidedRunsTests.kinds.indices, [false, true])
    func norDoesGuidance(kind: Int, lowMemory: Bool) async throws {
        var request = TinyModel.request(steps: 8)
        request.sampler = "heun"
        GuidedRunsTests.kinds[kind].1(&request.guidance)
        try await expectNothing(of: request, lowMemory: lowMemory)
    }

    @Test func norDoesTheWebUIsInAllItsForms() async throws {
        var request = TinyModel.request(steps: 8)
        for (startpoint, variability, separate) in [("zero", "std", true), ("mean", "ad", false)] {
            var mimic = GuidanceOptions.MimicScale(scale: 3)
            (mimic.startpoint, mimic.variability, mimic.separateChannels) = (startpoint, variability, separate)
            (mimic.phi, mimic.percentile, mimic.mode) = (0.7, 0.9, "cosine-repeating")
            request.guidance.dynamicThresholding = mimic
            try await expectNothing(of: request)
        }
    }

    @Test(arguments: Likeness.allCases, ["euler_a", "heun"])
    func norDoOtherProgramsHabits(likeness: Likeness, sampler: String) async throws {
        var request = TinyModel.request(steps: 8)
        (request.likeness, request.sampler, request.strength) = (likeness, sampler, 1)
        request.prompt = likeness == .webui ? "a [red|green] apple" : "a red apple"
        if likeness == .comfyui { (request.place, request.generator) = (BatchPlace(index: 1, count: 3), "torch") }
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.mask = try TinyModel.mask { x, _ in x > 30 }
        try await expectNothing(of: request)
    }

    @Test(arguments: ["pipeline-a", "pipeline-inpaint"])
    func norDoesInpainting(model: String) async throws {
        var request = TinyModel.request(steps: 8)
        (request.sampler, request.guidanceRescale) = ("euler_a", 0.7)
        request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        request.mask = try TinyModel.mask { x, _ in x > 30 }
        try await expectNothing(of: request, model: model)
    }

    /// OpenBLAS, which the portable kernels call, asks for a buffer when a thread is in a product while another is: once
    /// in a process, and on a busy machine in whatever step. One whole picture goes before.
    private static let warmUp = Task {
        var request = TinyModel.request(steps: 8)
        (request.width, request.height) = (256, 256)
        return try await TinyModel.load().generate(request).count
    }

    private func expectNothing(
        of request: Request, model name: String = "pipeline-a", precision: Precision = .float32,
        lowMemory: Bool = false
    ) async throws {
        guard allocation_counting_works() else { return }
        #expect(try await Self.warmUp.value == 1)
        var request = request
        (request.width, request.height) = (256, 256)
        let model = try await Model.load(
            from: Fixtures.path(name),
            options: LoadOptions(threads: 2, precision: precision, lowMemory: lowMemory))
        let run = try await model.countingSteps(request)
        let latents = 4 * 32 * 32 * MemoryLayout<Float>.stride

        #expect(run.activationBytes > 20 * latents && run.unplanned == 0)
        // The counter does see what is asked for, and weights that are packed when they are used.
        allocation_counting_start()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
        let counts = allocation_counting_stop()
        block.deallocate()
        #expect(counts.calls > 0 && (!lowMemory || run.steps[0].maps > 0))
        for (index, step) in run.steps.enumerated().dropFirst() {
            #expect(step.calls == 0 && step.maps == 0, "step \(index + 1): \(step)")
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
