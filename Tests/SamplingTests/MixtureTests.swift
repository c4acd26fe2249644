import Foundation
import TestSupport
import Testing

@testable import Sampling

/// Every sampler of the registry where the truth is known: does it draw what it should, and how fast does it come there?
@Suite struct MixtureTests {
    /// Stable Diffusion's noise, in as many training steps as a run wants to divide.
    private func config(_ train: Int = 1000) -> SchedulerConfig {
        var config = SchedulerConfig()
        config.numTrainTimesteps = train
        config.betaSchedule = .scaledLinear
        (config.betaStart, config.betaEnd) = (0.85 / Double(train), 12 / Double(train))
        (config.clipSample, config.setAlphaToOne, config.skipPRKSteps) = (false, true, true)
        config.originalInferenceSteps = train
        return config
    }

    private func sampler(_ name: SamplerName, steps: Int, _ solver: SolverSettings = .init(), train: Int = 1000) throws
        -> any Sampler
    {
        var settings = SamplerSettings(steps: steps, config: config(train))
        if name.takesSchedule { settings.schedule = .exponential }
        settings.solver = solver
        return try makeSampler(name, settings)
    }

    // MARK: What is drawn

    private static let count = 10_000

    /// Mean and covariance, to within what so many points tell.
    @Test(arguments: SamplerName.allCases)
    func drawsTheMixture(_ name: SamplerName) throws {
        // A consistency model's jump to the end is right where it is one: along the paths of a single Gaussian.
        let jumps = name == .lcm
        let mixture = jumps ? GaussianMixture.one : .three
        let steps = jumps ? 4 : name.order > 1 ? 40 : 150
        let sampler = try sampler(name, steps: steps)
        let pool = SamplePool(count: 2 * Self.count)
        var generator = TorchGenerator(seed: 11)
        let start = sampler.noised(
            mixture.points(Self.count, in: pool, seed: 3), noise: generator.normal(in: pool), step: 0)
        let drawn = try sampler.sample(
            start, from: 0, denoise: { jumps ? mixture.endOfPath($0, $1) : mixture.denoised($0, $1) },
            noise: { generator.normal(in: pool) }, afterStep: { $1 })
        let deviations = mixture.deviations(of: drawn.values)
        if ProcessInfo.processInfo.environment["LIMN_SHOW_ERRORS"] != nil {
            print("mixture", name, deviations.map { ($0 * 10).rounded() / 10 })
        }
        #expect(deviations.allSatisfy { abs($0) < 4.5 }, "\(name): \(deviations)")
    }

    /// The check above sees a spread that is off by a twentieth, and a mean off by as much of it.
    @Test func theCheckCanFail() {
        let pool = SamplePool(count: 2 * Self.count)
        let right = GaussianMixture.three.points(Self.count, in: pool, seed: 5)
        func worst(_ sample: Sample) -> Double {
            GaussianMixture.three.deviations(of: sample.values).map(abs).max() ?? 0
        }
        #expect(worst(right) < 4.5)
        #expect(worst(right.map { 1.05 * $0 }) > 4.5)
        #expect(worst(right.map { $0 + 0.05 }) > 4.5)
    }

    // MARK: How fast

    struct Solver: CustomTestStringConvertible, Sendable {
        var name: SamplerName
        var settings = SolverSettings()
        var order: Int

        init(_ name: SamplerName, order: Int? = nil, type: String? = nil, isAsked: Bool = true) {
            self.name = name
            self.order = order ?? name.order
            (settings.order, settings.type) = (isAsked ? order : nil, type)
            if name == .saSolver { settings.tau = 0 }
        }

        var testDescription: String { "\(name) \(order) \(settings.type ?? "")" }
    }

    private static let solvers: [Solver] =
        SamplerName.allCases.filter { !$0.isStochastic && $0.evaluations != nil }.map { Solver($0) }
        + [SamplerName.dpmpp2m, .dpmSolver, .deis, .unipc, .dpmppSinglestep].flatMap { name in
            [1, 3].map { Solver(name, order: $0) }
        }
        + [
            Solver(.dpmpp2m, order: 2, type: "heun"), Solver(.dpmppSinglestep, order: 2, type: "heun"),
            Solver(.dpmppSinglestep, order: 3, type: "heun"), Solver(.dpmSolver, order: 2, type: "heun"),
            Solver(.unipc, order: 2, type: "bh1"), Solver(.unipc, order: 3, type: "bh1"),
            Solver(.saSolver, order: 1), Solver(.saSolver, order: 2), Solver(.saSolver, order: 3),
            Solver(.ipndm, order: 1),
        ]

    /// As steps double, the error falls by 2 to the order.
    @Test(arguments: solvers)
    func theErrorFallsWithItsOrder(_ solver: Solver) throws {
        let errors = try [24, 48, 96].map { try error(solver, intervals: $0) }
        let orders = zip(errors, errors.dropFirst()).map { log2($0 / $1) }
        if ProcessInfo.processInfo.environment["LIMN_SHOW_ERRORS"] != nil {
            print("order", solver.testDescription, orders.map { ($0 * 100).rounded() / 100 }, errors)
        }
        let observed = orders[orders.count - 1]
        #expect(observed > Double(solver.order) - 0.4 && observed < Double(solver.order) + 1.2, "\(orders) \(errors)")
    }

    /// Root of the mean square, over points that are followed from the same noise.
    private func error(_ solver: Solver, intervals: Int) throws -> Double {
        let mixture = GaussianMixture.three
        let count = 32
        // Of a ladder, the last σ is the same for any number of steps; whole timesteps want a number that divides.
        let train = 96 * 64
        let steps = solver.name.takesSchedule ? intervals + 1 : intervals
        let sampler = try sampler(
            solver.name, steps: steps, solver.settings, train: solver.name.takesSchedule ? 1000 : train)
        let pool = SamplePool(count: 2 * count)
        var generator = TorchGenerator(seed: 2)
        let start = sampler.noised(
            mixture.points(count, in: pool, seed: 4), noise: generator.normal(in: pool), step: 0)
        let drawn = try sampler.sample(
            start, from: 0, denoise: { mixture.denoised($0, $1) }, noise: { generator.normal(in: pool) },
            afterStep: { $1 })

        let (first, last) = (sampler.levels[0], sampler.levels[sampler.levels.count - 1])
        let (alpha, sigma) = (Double(last.alpha), Double(last.sigma / last.alpha))
        var truth = mixture.flowed(
            start.values.map { Double($0) / Double(first.alpha) }, from: Double(first.sigma) / Double(first.alpha),
            to: sigma)
        for index in stride(from: 0, to: truth.count, by: 2) {
            let point =
                staysNoisy(solver.name)
                ? (alpha * truth[index], alpha * truth[index + 1])
                : mixture.expected(truth[index], truth[index + 1], alpha: 1, sigma: sigma)
            (truth[index], truth[index + 1]) = point
        }
        let squares = zip(drawn.values, truth).reduce(0) { $0 + pow(Double($1.0) - $1.1, 2) }
        return (squares / Double(truth.count)).squareRoot()
    }

    /// Those that end at the smallest noise, as diffusers' classes do.
    private func staysNoisy(_ name: SamplerName) -> Bool { [.deis, .dpmSolver, .saSolver].contains(name) }
}
