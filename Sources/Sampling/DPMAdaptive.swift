#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver-23: the step is as long as the difference of a second and a third order allows (Lu et al. 2022, appendix C;
/// k-diffusion's sample_dpm_adaptive). It ends at the training's lowest σ, as there; how many steps that takes is its own
/// affair, and the steps asked for only say where a picture is begun from.
struct DPMAdaptive: SigmaPathSampler {
    let path: SigmaPath
    private let solver: SinglestepSolver
    private let tolerance: Tolerance
    private let added: AddedNoise

    /// How often the network may be run.
    private static let evaluationLimit = 1000

    init(_ settings: SamplerSettings) throws {
        var starts = settings
        starts.schedule = .normal
        path = try SigmaPath(starts, .init(rescalesToZeroSNR: true))
        solver = SinglestepSolver(path: path)
        tolerance = settings.tolerance ?? Tolerance()
        added = AddedNoise(settings, usualEta: 0)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var earlier = x  // the lower order's x after the last step that was taken
        let (start, end) = (-log(Double(path.sigmas[firstStep])), -log(path.table.lowest))
        var t = start
        var h = 0.05
        var evaluations = 0
        while t < end - 1e-5 {
            guard evaluations + 3 <= Self.evaluationLimit else {
                throw SamplingError.tooManyEvaluations(limit: Self.evaluationLimit)
            }
            let to = min(end, t + h)
            let step = AncestralStep(from: exp(-t), to: exp(-to), eta: added.eta)
            let next = added.eta > 0 ? min(-log(step.down), end) : to
            let up = added.eta > 0 ? max(exp(-2 * to) - exp(-2 * next), 0).squareRoot() : 0

            let epsilon = try solver.epsilon(x, t, denoise)
            let third = t + (next - t) / 3
            let there = solver.first(x, epsilon, from: t, to: third)
            let inner = try solver.epsilon(there, third, denoise)
            let low = solver.second(x, epsilon, inner: inner, at: 1.0 / 3, from: t, to: next)
            let high = try solver.third(x, epsilon, inner: inner, from: t, to: next, denoise)
            evaluations += 3

            // An integral controller of the step's length, which changes by a factor of arctan's range at most.
            let error = difference(low, high, earlier)
            let factor = 1 + atan(pow(1 / (error + 1e-8), 1 / (added.eta > 0 ? 1.5 : 3)) - 1)
            h *= factor
            guard factor >= 0.81 else { continue }
            earlier = low
            x = high
            if added.eta > 0 { x += up * added.factor * noise() }
            t = to
            x = try afterStep(place(t, from: start, to: end, firstStep), x)
        }
        return x
    }

    /// The step of the list that the run has come to.
    private func place(_ t: Double, from start: Double, to end: Double, _ firstStep: Int) -> Int {
        let done = t < end - 1e-5 ? Double(levels.count - firstStep) * (t - start) / (end - start) : .infinity
        return firstStep + Int(min(max(done - 1, 0), Double(levels.count - firstStep - 1)))
    }

    /// Root mean square of the two orders' difference, in tolerances.
    private func difference(_ low: Sample, _ high: Sample, _ earlier: Sample) -> Double {
        var sum = 0.0
        low.withValues { low in
            high.withValues { high in
                earlier.withValues { earlier in
                    for index in low.indices {
                        let magnitude = max(abs(low[index]), abs(earlier[index]))
                        let allowed = max(tolerance.absolute, tolerance.relative * Double(magnitude))
                        let error = Double(low[index] - high[index]) / allowed
                        sum += error * error
                    }
                }
            }
        }
        return (sum / Double(low.count)).squareRoot()
    }
}

extension SamplerName {
    static let dpmAdaptive = SamplerName(
        "dpm_adaptive", webui: "DPM adaptive", aliases: ["k_dpm_ad", "sample_dpm_adaptive"], order: 3,
        evaluations: nil, takesSchedule: false, takesSpacing: false, keepsToLevels: false,
        options: [.eta, .noiseFactor, .tolerance],
        use: "chooses its steps by a tolerance; three evaluations each"
    ) { try DPMAdaptive($0) }
}
