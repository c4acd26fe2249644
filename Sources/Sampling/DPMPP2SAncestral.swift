#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver++(2S) to a lower σ than the next, then noise up to it (Lu et al. 2022, algorithm 1, with r = ½; k-diffusion's
/// sample_dpmpp_2s_ancestral).
struct DPMPP2SAncestral: SigmaPathSampler {
    let path: SigmaPath
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true))
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let level = levels[index]
            let (from, to) = (Double(level.sigma), Double(path.sigmas[index + 1]))
            let step = AncestralStep(from: from, to: to, eta: added.eta)
            let x0 = try denoise(x, level).x0
            if step.down > 0 {
                // In t = −log σ, over which x₀ is integrated exactly.
                let h = log(from / step.down)
                let middle = path.level(of: from * exp(-h / 2))
                let halfway = exp(-h / 2) * x - expm1(-h / 2) * x0
                let second = try denoise(halfway, middle).x0
                x = step.down / from * x - expm1(-h) * second
            } else {
                x += (step.down - from) * SigmaPath.slope(of: x, to: x0, at: level)
            }
            if to > 0 { x += step.up * added.factor * noise() }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let dpmpp2sAncestral = SamplerName(
        "dpm++2s_a", webui: "DPM++ 2S a",
        aliases: ["dpmpp_2s_ancestral", "k_dpmpp_2s_a", "sample_dpmpp_2s_ancestral"], order: 2, evaluations: 2,
        isStochastic: true, options: [.eta, .noiseFactor],
        use: "two evaluations and new noise a step: varied, never settles"
    ) { try DPMPP2SAncestral($0) }
}
