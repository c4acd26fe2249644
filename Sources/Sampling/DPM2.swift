/// DPM-Solver-2 with the step's middle in log σ, and the stochasticity of Karras et al. 2022, algorithm 2 (k-diffusion's
/// sample_dpm_2); diffusers' KDPM2DiscreteScheduler.
struct DPM2: SigmaPathSampler {
    let path: SigmaPath
    private let churning: Churning?

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(defaultBetas: (0.00085, 0.012), roundsKarras: true))
        churning = Churning(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            var level = levels[index]
            churning?.raise(&x, &level, path, share: levels.count - firstStep, noise)
            let next = path.sigmas[index + 1]
            let slope = SigmaPath.slope(of: x, to: try denoise(x, level).x0, at: level)
            if next > 0 {
                let middle = path.level(of: (Double(level.sigma) * Double(next)).squareRoot())
                let halfway = x + (middle.sigma - level.sigma) * slope
                let second = SigmaPath.slope(of: halfway, to: try denoise(halfway, middle).x0, at: middle)
                x += (next - level.sigma) * second
            } else {
                x += (next - level.sigma) * slope
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let dpm2 = SamplerName(
        "dpm2", webui: "DPM2", aliases: ["dpm_2", "k_dpm_2", "sample_dpm_2"], classes: ["KDPM2DiscreteScheduler"],
        order: 2, evaluations: 2, options: [.churn, .noiseFactor],
        use: "second evaluation in the step's middle: accurate, twice the work"
    ) { try DPM2($0) }
}
