#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver-fast: steps of order three, and one or two lower ones at the end, so that the network is run as often as
/// there are steps asked for (Lu et al. 2022, section 3.4; k-diffusion's sample_dpm_fast). It ends at the training's
/// lowest σ, as there.
struct DPMFast: Sampler {
    let levels: [NoiseLevel]
    private let path: SigmaPath
    private let solver: SinglestepSolver
    /// Of each level.
    private let orders: [Int]
    private let added: AddedNoise
    var initialNoiseScale: Float { path.initialNoiseScale }

    init(_ settings: SamplerSettings) throws {
        // Where a run begins, with so much of the noise: at k-diffusion's usual levels.
        var starts = settings
        starts.schedule = .normal
        path = try SigmaPath(starts, .init(rescalesToZeroSNR: true))
        solver = SinglestepSolver(path: path)
        let first = min(max(settings.firstStep, 0), path.levels.count - 1)
        let evaluations = path.levels.count - first
        let steps = evaluations / 3 + 1
        var orders = [Int](repeating: 3, count: steps)
        if evaluations % 3 == 0 {
            (orders[steps - 2], orders[steps - 1]) = (2, 1)
        } else {
            orders[steps - 1] = evaluations % 3
        }
        let (from, to) = (-log(Double(path.sigmas[first])), -log(path.table.lowest))
        levels =
            path.levels[..<first]
            + (0..<steps).map { [path] in
                path.level(of: exp(-(from + (to - from) * Double($0) / Double(steps))))
            }
        self.orders = [Int](repeating: 1, count: first) + orders
        added = AddedNoise(settings, usualEta: 0)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (from, to) = (Double(levels[index].sigma), self.end(of: index))
            let step = AncestralStep(from: from, to: to, eta: added.eta)
            let (t, end) = (-log(from), -log(path.table.lowest))
            // The noise brings x to where it ought to be, also where the step stops at the end.
            let next = added.eta > 0 ? min(-log(step.down), end) : -log(to)
            let up = added.eta > 0 ? max(to * to - exp(-2 * next), 0).squareRoot() : 0

            let epsilon = try solver.epsilon(x, t, denoise)
            switch next > t ? orders[index] : 1 {
            case 1:
                x = solver.first(x, epsilon, from: t, to: next)
            case 2:
                let middle = t + (next - t) / 2
                let halfway = solver.first(x, epsilon, from: t, to: middle)
                let inner = try solver.epsilon(halfway, middle, denoise)
                x = solver.second(x, epsilon, inner: inner, at: 0.5, from: t, to: next)
            default:
                let third = t + (next - t) / 3
                let there = solver.first(x, epsilon, from: t, to: third)
                let inner = try solver.epsilon(there, third, denoise)
                x = try solver.third(x, epsilon, inner: inner, from: t, to: next, denoise)
            }
            if added.eta > 0 { x += up * added.factor * noise() }
            x = try afterStep(index, x)
        }
        return x
    }

    /// The σ that a step ends at.
    private func end(of index: Int) -> Double {
        index + 1 < levels.count ? Double(levels[index + 1].sigma) : path.table.lowest
    }
}

extension SamplerName {
    static let dpmFast = SamplerName(
        "dpm_fast", webui: "DPM fast", aliases: ["k_dpm_fast", "sample_dpm_fast"], order: 3, takesSchedule: false,
        takesSpacing: false, options: [.eta, .noiseFactor],
        use: "third order in few long steps; as many evaluations as steps"
    ) { try DPMFast($0) }
}
