/// A step of Langevin's dynamics along the score ∇log p = −ε/σ: x + step·∇log p + √(2·step)·z.
struct LangevinStep {
    /// Of the score to the noise that comes with it.
    let snr: Double

    /// The step whose size is told by how long the score is at hand (Song et al. 2021, algorithms 4 and 5); diffusers'
    /// ScoreSdeVeScheduler.step_correct.
    ///
    /// - Parameter alpha: 1 − β of the level; 1 where the variance explodes
    func corrected(_ x: Sample, epsilon: Sample, sigma: Double, alpha: Double = 1, noise: Sample) -> Sample {
        let length = epsilon.norm / sigma
        guard length > 0 else { return x }
        let ratio = snr * noise.norm / length
        return moved(x, epsilon: epsilon, sigma: sigma, step: 2 * alpha * ratio * ratio, noise: noise)
    }

    /// The step whose size goes with the noise at hand (Song and Ermon 2019, algorithm 1, where ε/σ_L² = 4·snr²).
    func annealed(_ x: Sample, epsilon: Sample, sigma: Double, noise: Sample) -> Sample {
        moved(x, epsilon: epsilon, sigma: sigma, step: 2 * snr * sigma * snr * sigma, noise: noise)
    }

    private func moved(_ x: Sample, epsilon: Sample, sigma: Double, step: Double, noise: Sample) -> Sample {
        x - step / sigma * epsilon + (2 * step).squareRoot() * noise
    }
}

extension Sample {
    /// √Σx²
    var norm: Double {
        withValues { values in
            var sum = 0.0
            for value in values { sum += Double(value) * Double(value) }
            return sum.squareRoot()
        }
    }
}

/// Annealed Langevin dynamics (Song and Ermon 2019, algorithm 1): some Langevin steps at every σ of a geometric ladder, and
/// in the end the picture without its last noise (Jolicoeur-Martineau et al. 2020).
struct AnnealedLangevin: SigmaPathSampler {
    let path: SigmaPath
    private let langevin: LangevinStep
    private let count: Int

    init(_ settings: SamplerSettings) throws {
        var settings = settings
        settings.schedule = settings.schedule ?? .exponential
        path = try SigmaPath(settings, .init())
        // The paper's step, ε/σ_L² = 0.2; a tenth of its hundred at a level, for there are more levels than ten.
        langevin = LangevinStep(snr: settings.solver.snr ?? settings.config.snr ?? 0.22)
        count = settings.solver.correctorSteps ?? settings.config.correctorSteps ?? Self.usualCount
    }

    static let usualCount = 10

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let sigma = Double(path.sigmas[index])
            for _ in 0..<count {
                let epsilon = try denoise(x, levels[index]).epsilon
                x = langevin.annealed(x, epsilon: epsilon, sigma: sigma, noise: noise())
            }
            if path.sigmas[index + 1] == 0 { x = try denoise(x, levels[index]).x0 }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let annealedLangevin = SamplerName(
        "annealed_langevin", webui: "Annealed Langevin", aliases: ["ald"], order: 1,
        evaluations: AnnealedLangevin.usualCount, isStochastic: true,
        use: "Song and Ermon's: --corrector-steps at each of the noise levels; slow, of interest for its theory",
        solver: .init(hasLangevinSteps: true)
    ) { try AnnealedLangevin($0) }
}
