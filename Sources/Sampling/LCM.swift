/// Latent consistency models' sampling: jump to x₀, put noise back on, jump again (Luo et al. 2023, algorithm 3);
/// diffusers' LCMScheduler.
struct LCM: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    /// How much of x and of the predicted x₀ make the consistency function's value (Luo et al. 2023, equation 9).
    private let boundaries: [(skip: Float, out: Float)]
    private let limit: SampleLimit

    /// - Throws: `SamplingError.steps` for more steps than the model was distilled with
    init(_ settings: SamplerSettings) throws {
        let (count, config) = (settings.steps, settings.config)
        let timesteps = try Self.timesteps(count, config)
        // The class has Stable Diffusion's β where the configuration says none.
        let path = try AlphaPath(
            NoiseSchedule(config, defaultBetas: (0.00085, 0.012)), timesteps: timesteps.map { Double($0) },
            steps: count, offset: 0, endsClean: config.setAlphaToOne ?? true)
        levels = path.levels
        boundaries = timesteps.map { timestep in
            let (scaled, data) = (Double(timestep) * config.timestepScaling, 0.5)
            let square = scaled * scaled + data * data
            return (Float(data * data / square), Float(scaled / square.squareRoot()))
        }
        limit = SampleLimit(config, clips: false)
    }

    /// Evenly picked from those that the model was distilled with.
    static func timesteps(_ count: Int, _ config: SchedulerConfig) throws -> [Int] {
        let original = config.originalInferenceSteps
        guard (1...original).contains(count) else {
            throw SamplingError.steps(
                asked: count, allowed: 1...original,
                reason: "a consistency model was distilled with \(original) of them")
        }
        let stride = config.numTrainTimesteps / original
        return (0..<count).map { index in
            let place = Int(Double(index) * (Double(original) / Double(count)))
            return (original - place) * stride - 1
        }
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let x0 = limit.applied(to: try denoise(x, levels[index]).x0)
            x = boundaries[index].out * x0 + boundaries[index].skip * x
            if let next = levelAfter(step: index) { x = next.alpha * x + next.sigma * noise() }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let lcm = SamplerName(
        "lcm", webui: "LCM", classes: ["LCMScheduler"], order: 1, isStochastic: true, takesSchedule: false,
        takesSpacing: false, use: "for latent consistency models and LoRAs: 1 to 8 steps, guidance 1 to 2"
    ) { try LCM($0) }
}
