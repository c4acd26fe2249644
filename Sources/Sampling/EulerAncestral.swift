/// Euler's method to a lower σ than the next, then noise up to it (k-diffusion's sample_euler_ancestral);
/// diffusers' EulerAncestralDiscreteScheduler.
struct EulerAncestral: Sampler {
    private let path: SigmaPath
    /// How much of the ancestral noise is added: 1 all (diffusers), 0 none.
    private let eta: Double
    private let noiseFactor: Double
    var levels: [NoiseLevel] { path.levels }
    var initialNoiseScale: Float { path.initialNoiseScale }

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true, readsSchedule: false))
        eta = Double(settings.eta ?? 1)
        noiseFactor = settings.noiseFactor ?? 1
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: () -> Sample, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let from = Double(path.sigmas[index])
            let step = AncestralStep(from: from, to: Double(path.sigmas[index + 1]), eta: eta)
            let slope = SigmaPath.slope(of: x, to: try denoise(x, levels[index]).x0, at: levels[index])
            x += (step.down - from) * slope
            // Drawn even where it is multiplied by 0, so that what is drawn next is what diffusers draws.
            x += step.up * noiseFactor * noise()
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let eulerAncestral = SamplerName(
        "euler_a", webui: "Euler a", aliases: ["euler_ancestral", "k_euler_a", "sample_euler_ancestral"],
        classes: ["EulerAncestralDiscreteScheduler"], order: 1, isStochastic: true,
        options: .noiseFactor,
        use: "Euler with new noise in every step: varied, never settles"
    ) { try EulerAncestral($0) }
}
