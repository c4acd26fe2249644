import Sampling
import TestSupport
import Testing

@testable import Limn

/// The parts of a run's plan, each by itself.
@Suite struct RunPlanTests {
    private let description: ModelDescription
    private let scheduler: SchedulerConfig

    init() async throws {
        let model = try await TinyModel.load()
        description = await model.description
        scheduler = await model.scheduler
    }

    private func sampling(_ request: Request, _ kind: Canvas.Kind = .text) throws -> SamplingPlan {
        let habits = request.likeness.habits
        return try SamplingPlan(
            request, try SamplerChoice(request, habits, scheduler), habits, kind, family: .stableDiffusion, scheduler)
    }

    @Test(
        "A strength decides at which step a run begins, in each program by its own rule",
        arguments: [
            (Likeness.diffusers, 0.5, 20, 10, 10), (.webui, 0.5, 20, 9, 11), (.sdcpp, 0.5, 20, 9, 11),
            (.comfyui, 0.5, 20, 0, 20), (.diffusers, 1, 20, 0, 20), (.webui, 1, 20, 0, 20),
        ])
    func strength(_ likeness: Likeness, _ strength: Double, _ steps: Int, _ first: Int, _ run: Int) throws {
        var request = Request(prompt: "")
        (request.likeness, request.sampler, request.steps) = (likeness, "euler", steps)
        request.source.strength = strength
        let plan = try sampling(request, .picture)
        // Where a program lays steps out itself, those before the first are not in its list.
        #expect(plan.isLaidOut ? plan.steps == run : (plan.firstStep, plan.steps) == (first, run))
        #expect(plan.strength == strength && plan.askedSteps == steps)
        #expect(try sampling(request, .text).strength == nil)
    }

    @Test("A name chooses the sampler, the schedule behind it, and what another program means by it")
    func samplers() throws {
        var request = Request(prompt: "")
        request.sampler = "DPM++ 2M Karras"
        let plain = try SamplerChoice(request, Habits(), scheduler)
        #expect(plain.sampler?.rawValue == "dpm++2m" && plain.schedule?.rawValue == "karras")
        (request.sampler, request.likeness) = ("ddim", .comfyui)
        let comfy = try SamplerChoice(request, request.likeness.habits, scheduler)
        #expect(comfy.sampler?.rawValue == "ddim" && comfy.runs?.rawValue == "euler")
        request.sampler = "no such"
        #expect(throws: (any Error).self) { try SamplerChoice(request, Habits(), scheduler) }
    }

    @Test("Seeds of pictures, of variations, and of batches that share their noise")
    func seeds() throws {
        func plan(_ request: Request, sharesNoise: Bool = false) throws -> SeedPlan {
            try SeedPlan(request, generator: .torch, sharesNoise: sharesNoise, description)
        }
        var request = Request(prompt: "")
        request.seed = .max
        #expect(try plan(request).picture(2, of: 3).seed == 1)
        let shared = try plan(request, sharesNoise: true).picture(2, of: 3)
        #expect(shared.seed == .max && shared.place == BatchPlace(index: 2, count: 3))
        #expect(try plan(request, sharesNoise: true).picture(0, of: 1).place == nil)
        request.seeds.variation = Variation(seed: 5, strength: 0.5)
        let second = try plan(request).picture(2, of: 3)
        #expect(second.seed == .max && second.variation == .init(seed: 7, strength: 0.5))
        request.seeds.variation = Variation(seed: 5, strength: 0)
        #expect(try plan(request).variation == nil)
        // What was chosen at random is written down.
        var chosen = Request(prompt: "")
        chosen.seeds.variation = Variation(strength: 0.5)
        let random = try plan(chosen)
        random.record(in: &chosen)
        #expect(chosen.seed == random.seed && chosen.seeds.variation?.seed == random.variation?.seed)
        #expect(chosen.seeds.variation?.seed != nil && chosen.seeds.generator == "torch")
        #expect(try plan(chosen) == random)
        chosen.seeds.size = PixelSize(width: 9, height: 9)
        #expect(throws: LimnError.self) { try plan(chosen) }
    }

    @Test("The size is the request's, the picture's shape, or the model's own")
    func sizes() throws {
        let own = description.unet.sampleSize * description.vae.factor
        var request = Request(prompt: "")
        let plain = try Canvas(request, description)
        #expect((plain.width, plain.height) == (own, own) && plain.kind == .text && !plain.startsFromPicture)
        request.source.picture = try Picture(
            width: 20, height: 10, channels: 3, pixels: Array(repeating: 9, count: 600))
        let wide = try Canvas(request, description)
        #expect((wide.width, wide.height) == (2 * own, own) && wide.kind == .picture)
        #expect(wide.picture?.width == 2 * own)
        request.width = own + 1
        #expect(throws: LimnError.self) { try Canvas(request, description) }
    }
}
