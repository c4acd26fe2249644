#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The extended reverse-time SDE's solver of order 1 to 3 (Cui et al. 2023, algorithms 1 to 3, with its fifth noise scale);
/// ComfyUI's sample_er_sde.
struct ERSDE: SigmaPathSampler {
    let path: SigmaPath
    private let highestOrder: Int

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init())
        highestOrder = settings.solver.order ?? 3
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let steps = (firstStep..<levels.count).map { step(at: $0, from: firstStep) }
        var x = x
        var history = History(limit: 2)  // predictions of x₀
        var slopes = History(limit: 2)  // and how they change with σ
        for index in firstStep..<levels.count {
            let x0 = try denoise(x, levels[index]).x0
            if let step = steps[index - firstStep] {
                x = step.kept * x + (1 - step.kept) * x0
                if let first = step.first {
                    slopes.add(1 / first.distance * (x0 - history[0]))
                    x += first.weight * slopes[0]
                }
                if let second = step.second {
                    x += second.weight / second.distance * (slopes[0] - slopes[1])
                }
                x += step.noise * noise()
            } else {
                x = x0
            }
            history.add(x0)
            x = try afterStep(index, x)
        }
        return x
    }

    private struct Step {
        let kept: Double
        /// Of the first and the second divided difference, with the distance in σ that they are divided by.
        var first: (weight: Double, distance: Double)?
        var second: (weight: Double, distance: Double)?
        let noise: Double
    }

    /// nil: a step to a clean end.
    private func step(at index: Int, from firstStep: Int) -> Step? {
        let (from, to) = (sigma(index), sigma(index + 1))
        guard to > 0 else { return nil }
        let kept = Self.noiseScale(to) / Self.noiseScale(from)
        var step = Step(kept: kept, noise: max(to * to - from * from * kept * kept, 0).squareRoot())
        let order = min(highestOrder, index - firstStep + 1)
        guard order > 1, sigma(index - 1) > from else { return step }

        // ∫ 1/φ and ∫ (σ − σ_from)/φ over the step, by as many points as the paper's code takes.
        let count = 200
        let width = (from - to) / Double(count)
        var (sum, moment) = (0.0, 0.0)
        for point in 0..<count {
            let sigma = to + Double(point) * width
            sum += width / Self.noiseScale(sigma)
            moment += width * (sigma - from) / Self.noiseScale(sigma)
        }
        step.first = (to - from + sum * Self.noiseScale(to), from - sigma(index - 1))
        if order > 2, sigma(index - 2) > sigma(index - 1) {
            step.second = (
                (to - from) * (to - from) / 2 + moment * Self.noiseScale(to), (from - sigma(index - 2)) / 2
            )
        }
        return step
    }

    private func sigma(_ index: Int) -> Double { Double(path.sigmas[index]) }

    /// φ(σ): the faster it grows, the less of x is kept and the more noise is added.
    private static func noiseScale(_ sigma: Double) -> Double { sigma * (exp(pow(sigma, 0.3)) + 10) }
}

extension SamplerName {
    static let erSDE = SamplerName(
        "er_sde", webui: "ER SDE", order: 3, isStochastic: true,
        use: "noise in every step and yet few of them: good in 15 to 30",
        solver: .init(orders: 1...3)
    ) { try ERSDE($0) }
}
