/// DPM-Solver-2 to a lower σ than the next, then noise up to it (k-diffusion's sample_dpm_2_ancestral); diffusers'
/// KDPM2AncestralDiscreteScheduler.
struct DPM2Ancestral: SigmaPathSampler {
    let path: SigmaPath
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(defaultBetas: (0.00085, 0.012), roundsKarras: true))
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let level = levels[index]
            let from = Double(level.sigma)
            let step = AncestralStep(from: from, to: Double(path.sigmas[index + 1]), eta: added.eta)
            let slope = SigmaPath.slope(of: x, to: try denoise(x, level).x0, at: level)
            if step.down > 0 {
                let middle = path.level(of: (from * step.down).squareRoot())
                let halfway = x + (middle.sigma - level.sigma) * slope
                let second = SigmaPath.slope(of: halfway, to: try denoise(halfway, middle).x0, at: middle)
                x += (step.down - from) * second
                x += step.up * added.factor * noise()
            } else {
                x += (step.down - from) * slope
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let dpm2Ancestral = SamplerName(
        "dpm2_a", webui: "DPM2 a", aliases: ["dpm_2_ancestral", "k_dpm_2_a", "sample_dpm_2_ancestral"],
        classes: ["KDPM2AncestralDiscreteScheduler"], order: 2, evaluations: 2, isStochastic: true,
        pureNoise: .breaks, options: [.eta, .noiseFactor],
        use: "DPM2 with new noise in every step: varied, never settles"
    ) { try DPM2Ancestral($0) }
}
