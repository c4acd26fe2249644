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

    private static let count = 4000

    /// Mean and covariance, to within what so many points tell.
    @Test(arguments: SamplerName.allCases)
    func drawsTheMixture(_ name: SamplerName) throws {
        // A consistency model's jump to the end is right where it is one: along the paths of a single Gaussian.
        let jumps = name == .lcm
        let mixture = jumps ? GaussianMixture.one : .three
        let steps = jumps ? 4 : name.order > 1 || (name.evaluations ?? 1) > 2 ? 40 : 200
        var solver = SolverSettings()
        // TCD goes a fixed part of the way at once, however many the steps, which only a model made for it bears.
        if name == .tcd { solver.gamma = 0.05 }
        // What is left of the spread of a level above goes with 1/(snr²·steps).
        if name == .annealedLangevin { (solver.snr, solver.correctorSteps) = (0.2, 90) }
        let sampler = try sampler(name, steps: steps, solver)
        let pool = SamplePool(count: 2 * Self.count)
        var generator = TorchGenerator(seed: 11)
        let start = sampler.noised(
            mixture.points(Self.count, in: pool, seed: 3), noise: generator.normal(in: pool), step: 0)
        let drawn = try sampler.sample(
            start, from: 0, denoise: { jumps ? mixture.endOfPath($0, $1) : mixture.denoised($0, $1) },
            noise: NoiseSource { generator.normal(in: pool) }, afterStep: { $1 })
        let deviations = mixture.deviations(of: drawn.values)
        if ProcessInfo.processInfo.environment["LIMN_SHOW_ERRORS"] != nil {
            print("mixture", name, deviations.map { ($0 * 10).rounded() / 10 })
        }
        #expect(deviations.allSatisfy { abs($0) < 4.5 }, "\(name): \(deviations)")
    }

    /// The check above sees a spread that is off by a twelfth, and a mean off by a tenth of it.
    @Test func theCheckCanFail() {
        let pool = SamplePool(count: 2 * Self.count)
        let right = GaussianMixture.three.points(Self.count, in: pool, seed: 5)
        func worst(_ sample: Sample) -> Double {
            GaussianMixture.three.deviations(of: sample.values).map(abs).max() ?? 0
        }
        #expect(worst(right) < 4.5)
        #expect(worst(right.map { 1.08 * $0 }) > 4.5)
        #expect(worst(right.map { $0 + 0.1 }) > 4.5)
    }

    // MARK: How fast

    struct Solver: CustomTestStringConvertible, Sendable {
        var name: SamplerName
        var settings = SolverSettings()
        var expected: Double

        /// - Parameters:
        ///   - order: asked for; nil: the sampler's own
        ///   - expected: what is seen, where it is not the order. A multistep method begins with a step of first order,
        ///     the error of which is of second: it stays with methods of higher order. A corrector adds one. Even
        ///     timesteps are few where σ falls fastest, near its end; and DPM fast ends with a step of lower order.
        init(_ name: SamplerName, order: Int? = nil, type: String? = nil, expected: Double? = nil) {
            self.name = name
            (settings.order, settings.type) = (order, type)
            self.expected = expected ?? Double(order ?? name.order)
            if name == .saSolver { settings.tau = 0 }
        }

        var testDescription: String { "\(name) \(settings.order.map(String.init) ?? "") \(settings.type ?? "")" }
    }

    private static let observed: [SamplerName: Double] = [
        .pndm: 1.7, .plms: 1.7, .lms: 3.5, .unipc: 3, .dpmFast: 2.2,
    ]

    private static let solvers: [Solver] =
        SamplerName.allCases.filter { !$0.isStochastic && $0.evaluations != nil && $0.keepsToLevels }
        .map { Solver($0, expected: observed[$0]) }
        + [SamplerName.dpmpp2m, .dpmSolver, .deis, .dpmppSinglestep, .saSolver, .ipndm].map { Solver($0, order: 1) }
        + [
            Solver(.dpmpp2m, order: 3, expected: 2), Solver(.dpmpp2m, order: 2, type: "heun"),
            Solver(.dpmSolver, order: 3, expected: 2), Solver(.dpmSolver, order: 2, type: "heun"),
            Solver(.deis, order: 3),
            Solver(.dpmppSinglestep, order: 2, type: "heun"), Solver(.dpmppSinglestep, order: 3),
            Solver(.dpmppSinglestep, order: 3, type: "heun"),
            Solver(.unipc, order: 1, expected: 2), Solver(.unipc, order: 2, type: "bh1", expected: 3),
            Solver(.unipc, order: 3, expected: 4), Solver(.unipc, order: 3, type: "bh1", expected: 4),
            Solver(.saSolver, order: 2), Solver(.saSolver, order: 3, expected: 4),
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
        #expect(abs(observed - solver.expected) < 0.45, "\(orders) \(errors)")
    }

    /// Root of the mean square, over points that are followed from the same noise. A ladder is followed down to its last
    /// σ, from where any sampler's one step leads to the end; timesteps to the end itself.
    private func error(_ solver: Solver, intervals: Int) throws -> Double {
        let mixture = GaussianMixture.three
        let count = 32
        // Of a ladder, the last σ is the same for any number of steps; whole timesteps want a number that divides.
        // DPM fast goes its own way, between the first and the last σ of training.
        let isFast = solver.name == .dpmFast
        let isLadder = solver.name.takesSchedule || isFast
        let sampler = try sampler(
            solver.name, steps: isLadder && !isFast ? intervals + 1 : intervals, solver.settings,
            train: isLadder ? 1000 : 96 * 64)
        let pool = SamplePool(count: 2 * count)
        var generator = TorchGenerator(seed: 2)
        let start = sampler.noised(
            mixture.points(count, in: pool, seed: 4), noise: generator.normal(in: pool), step: 0)
        var arrived = start
        let end = try sampler.sample(
            start, from: 0, denoise: { mixture.denoised($0, $1) }, noise: NoiseSource { generator.normal(in: pool) },
            afterStep: { index, x in
                if index + 2 == sampler.levels.count { arrived = x }
                return x
            })
        let (first, last) = (sampler.levels[0], sampler.levels[sampler.levels.count - 1])
        let sigma = isFast ? Double(NoiseSchedule(config()).sigmas[0]) : Double(last.sigma) / Double(last.alpha)
        if isFast { arrived = end }
        var truth = mixture.flowed(
            start.values.map { Double($0) / Double(first.alpha) }, from: Double(first.sigma) / Double(first.alpha),
            to: sigma)
        if isLadder {
            arrived = 1 / last.alpha * arrived
        } else {
            arrived = end
            let level = mixture.level(alpha: 1, sigma: sigma)
            for index in stride(from: 0, to: truth.count, by: 2) {
                (truth[index], truth[index + 1]) = level.expected(truth[index], truth[index + 1])
            }
        }
        let squares = zip(arrived.values, truth).reduce(0) { $0 + pow(Double($1.0) - $1.1, 2) }
        return (squares / Double(truth.count)).squareRoot()
    }
}
