/// Trajectory consistency distillation (Zheng et al. 2024, algorithm 4): jump below the next timestep, put noise back on
/// up to it; diffusers' TCDScheduler.
struct TCD: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let jumps: [Jump]

    /// ᾱ where a step lands, and where the noise takes it.
    private struct Jump {
        let landing: Double
        /// nil: stays there.
        let next: Double?
    }

    /// - Throws: `SamplingError.steps` for more steps than the model was distilled with
    init(_ settings: SamplerSettings) throws {
        let (count, config) = (settings.steps, settings.config)
        let timesteps = try LCM.timesteps(count, config)
        // The class has Stable Diffusion's β where the configuration says none.
        let path = try AlphaPath(
            NoiseSchedule(config, defaultBetas: (0.00085, 0.012)), timesteps: timesteps.map { Double($0) },
            steps: count, offset: 0, endsClean: config.setAlphaToOne ?? true)
        levels = path.levels
        let gamma = settings.solver.gamma ?? 0.3
        jumps = timesteps.indices.map { index in
            let next = index + 1 < timesteps.count ? timesteps[index + 1] : 0
            let landing = Int((Float(1 - gamma) * Float(next)).rounded(.down))
            let goesOn = gamma > 0 && index + 1 < timesteps.count
            return Jump(landing: path.alpha(at: landing), next: goesOn ? path.alpha(at: next) : nil)
        }
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let jump = jumps[index]
            let denoised = try denoise(x, levels[index])
            x = jump.landing.squareRoot() * denoised.x0 + (1 - jump.landing).squareRoot() * denoised.epsilon
            if let next = jump.next {
                let kept = next / jump.landing
                x = kept.squareRoot() * x + (1 - kept).squareRoot() * noise()
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let tcd = SamplerName(
        "tcd", webui: "TCD", classes: ["TCDScheduler"], order: 1, isStochastic: true, takesSchedule: false,
        takesSpacing: false,
        use: "for trajectory consistency models and LoRAs: 2 to 20 steps; more --gamma, more detail",
        solver: .init(hasGamma: true)
    ) { try TCD($0) }
}
