/// Denoising diffusion implicit models (Song et al. 2020, equations 12 and 16); diffusers' DDIMScheduler.
struct DDIM: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    /// ᾱ of each step and ᾱ where it ends, which need not be the next step's.
    private let steps: [(alpha: Double, next: Double)]
    private let eta: Double
    private let limit: SampleLimit

    init(_ settings: SamplerSettings) throws {
        let (count, config) = (settings.steps, settings.config)
        let schedule = NoiseSchedule(config)
        let train = config.numTrainTimesteps
        let timesteps = try Timesteps.evenly(
            config.timestepSpacing ?? .leading, steps: count, train: train, offset: config.stepsOffset)
        let path = try AlphaPath(
            schedule, timesteps: timesteps, steps: count, offset: config.stepsOffset,
            endsClean: config.setAlphaToOne ?? true)
        levels = path.levels
        steps = path.timesteps.map { (path.alpha(at: $0), path.alpha(at: $0 - train / count)) }
        limit = SampleLimit(config, clips: true)
        eta = AddedNoise(settings, usualEta: 0).eta
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (alpha, next) = steps[index]
            let denoised = try denoise(x, levels[index])
            let variance = eta * eta * (1 - next) / (1 - alpha) * (1 - alpha / next)
            // ε stays what the network said even where x₀ is clipped, as in diffusers.
            let direction = max(1 - next - variance, 0).squareRoot() * denoised.epsilon
            x = next.squareRoot() * limit.applied(to: denoised.x0) + direction
            if eta > 0 { x += max(variance, 0).squareRoot() * noise() }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let ddim = SamplerName(
        "ddim", webui: "DDIM", classes: ["DDIMScheduler"], order: 1, takesSchedule: false,
        options: .eta, use: "deterministic, good in 20 to 50 steps; --eta 1 adds noise"
    ) { try DDIM($0) }
}
