import Testing

@testable import Sampling

/// What only some samplers can be asked is refused by the others, and by none that lists it.
@Suite struct SolverSettingsTests {
    private func made(_ name: SamplerName, _ change: (inout SolverSettings) -> Void) throws -> any Sampler {
        var settings = SamplerSettings(steps: 10, config: SchedulerConfig())
        change(&settings.solver)
        return try makeSampler(name, settings)
    }

    private func message(_ name: SamplerName, _ change: (inout SolverSettings) -> Void) -> String? {
        do {
            _ = try made(name, change)
            return nil
        } catch { return "\(error)" }
    }

    @Test(arguments: SamplerName.allCases) func everySamplerTakesWhatItListsAndNothingElse(_ name: SamplerName) throws {
        for order in -1...6 {
            let text = message(name) { $0.order = order }
            let isTaken = name.solver.orders?.contains(order) == true
            #expect((text == nil) == isTaken, "\(order): \(text ?? "")")
            if let orders = name.solver.orders, let text {
                #expect(text.contains("solver order of \(order)") && text.contains("\(orders.upperBound)"))
            }
        }
        for type in ["midpoint", "heun", "bh1", "bh2", "ancestral", "reverse_diffusion", "euler_maruyama", "", "x"] {
            let text = message(name) { $0.type = type }
            #expect((text == nil) == name.solver.types.contains(type), "\(type): \(text ?? "")")
        }
        for value in [0, 0.5, 1] {
            #expect((message(name) { $0.gamma = value } == nil) == name.solver.hasGamma)
            #expect((message(name) { $0.tau = value } == nil) == name.solver.hasTau)
        }
        #expect((message(name) { $0.snr = 0.2 } == nil) == name.solver.hasLangevinSteps)
        #expect((message(name) { $0.correctorSteps = 3 } == nil) == name.solver.hasLangevinSteps)
    }

    @Test func messagesSayWhatToDo() {
        #expect(message(.euler) { $0.order = 2 }?.contains("euler has no use for a solver order") == true)
        #expect(message(.unipc) { $0.type = "midpoint" }?.contains("it takes bh1, bh2") == true)
        for gamma in [-0.1, 1.1, .nan, .infinity] {
            #expect(message(.tcd) { $0.gamma = gamma }?.contains("it takes 0.0 to 1.0") == true)
        }
        for tau in [-1, 10.5, .nan] { #expect(message(.saSolver) { $0.tau = tau } != nil) }
        for snr in [0, -1, 2, .nan] { #expect(message(.predictorCorrectorVE) { $0.snr = snr } != nil) }
        for count in [-1, 101, Int.max] { #expect(message(.annealedLangevin) { $0.correctorSteps = count } != nil) }
    }

    /// A request's order counts, whatever the configuration says.
    @Test(arguments: SamplerName.allCases.filter { $0.solver.orders != nil })
    func theOrderIsObeyed(_ name: SamplerName) throws {
        guard let orders = name.solver.orders else { return }
        let pool = SamplePool(count: 2)
        let ends = try orders.map { order in
            try made(name) { $0.order = order }.sample(
                Sample([3, -2], in: pool), from: 0, denoise: { GaussianMixture.three.denoised($0, $1) },
                noise: NoiseSource { Sample([0.3, -0.2], in: pool) }, afterStep: { $1 }
            ).values
        }
        #expect(Set(ends).count == ends.count, "\(ends)")
    }

    /// Without a negative prompt's prediction, CFG++ is Euler's method.
    @Test func withoutGuidanceCFGPlusPlusIsEuler() throws {
        func end(_ name: SamplerName) throws -> [Float] {
            let pool = SamplePool(count: 2)
            let sampler = try makeSampler(name, .init(steps: 20, config: SchedulerConfig()))
            return try sampler.sample(
                Sample([90, -60], in: pool), from: 0, denoise: { GaussianMixture.three.denoised($0, $1) },
                noise: NoiseSource { Sample([0, 0], in: pool) }, afterStep: { $1 }
            ).values
        }
        for (x, y) in zip(try end(.eulerCFGPP), try end(.euler)) { #expect(abs(x - y) < 1e-3) }
    }
}
