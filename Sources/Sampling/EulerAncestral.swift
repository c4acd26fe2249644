/// Euler's method to a lower σ than the next, then noise up to it (k-diffusion's sample_euler_ancestral);
/// diffusers' EulerAncestralDiscreteScheduler.
struct EulerAncestral: SigmaPathSampler {
    let path: SigmaPath
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true, readsSchedule: false))
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let from = Double(path.sigmas[index])
            let step = AncestralStep(from: from, to: Double(path.sigmas[index + 1]), eta: added.eta)
            let slope = SigmaPath.slope(of: x, to: try denoise(x, levels[index]).x0, at: levels[index])
            x += (step.down - from) * slope
            // Drawn even where it is multiplied by 0, so that what is drawn next is what diffusers draws.
            x += step.up * added.factor * noise()
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let eulerAncestral = SamplerName(
        "euler_a", webui: "Euler a", aliases: ["euler_ancestral", "k_euler_a", "sample_euler_ancestral"],
        classes: ["EulerAncestralDiscreteScheduler"], order: 1, isStochastic: true,
        options: [.eta, .noiseFactor],
        use: "Euler with new noise in every step: varied, never settles"
    ) { try EulerAncestral($0) }
}
