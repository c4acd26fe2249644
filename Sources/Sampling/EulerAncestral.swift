/// Euler's method to a lower σ than the next, then noise up to it (k-diffusion's sample_euler_ancestral);
/// diffusers' EulerAncestralDiscreteScheduler.
struct EulerAncestral: Sampler {
    private let path: SigmaPath
    /// How much of the ancestral noise is added: 1 all (diffusers), 0 none.
    private let eta: Double
    var levels: [NoiseLevel] { path.levels }
    var initialNoiseScale: Float { path.initialNoiseScale }

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true, readsSchedule: false))
        eta = Double(settings.eta ?? 1)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: () -> Sample, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (from, to) = (Double(path.sigmas[index]), Double(path.sigmas[index + 1]))
            let up = min(to, eta * (to * to * (from * from - to * to) / (from * from)).squareRoot())
            let down = (to * to - up * up).squareRoot()
            let slope = SigmaPath.slope(of: x, to: try denoise(x, levels[index]).x0, at: levels[index])
            x += (down - from) * slope
            // Drawn even where it is multiplied by 0, so that what is drawn next is what diffusers draws.
            x += up * noise()
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let eulerAncestral = SamplerName(
        "euler_a", webui: "Euler a", aliases: ["euler_ancestral", "k_euler_a", "sample_euler_ancestral"],
        classes: ["EulerAncestralDiscreteScheduler"], order: 1, isStochastic: true,
        use: "Euler with new noise in every step: varied, never settles"
    ) { try EulerAncestral($0) }
}
