/// CFG++ (Chung et al. 2024, algorithm 2) with Euler's steps, with noise or without: guidance says what the picture is, and
/// the prediction without the prompt where its noise points; ComfyUI's sample_euler_cfg_pp and
/// sample_euler_ancestral_cfg_pp.
struct EulerCFGPP: SigmaPathSampler {
    let path: SigmaPath
    private let eta: Double

    /// - Parameter eta: how much of the ancestral noise is added: 0 none, 1 all
    init(_ settings: SamplerSettings, eta: Double) throws {
        path = try SigmaPath(settings, .init())
        self.eta = eta
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let denoised = try denoise(x, levels[index])
            let (from, to) = (Double(path.sigmas[index]), Double(path.sigmas[index + 1]))
            if to > 0 {
                let step = AncestralStep(from: from, to: to, eta: eta)
                // Without guidance both predictions are one, and this is Euler's own step.
                let slope = SigmaPath.slope(of: x, to: denoised.unconditional ?? denoised.x0, at: levels[index])
                x = denoised.x0 + step.down * slope
                if eta > 0 { x += step.up * noise() }
            } else {
                x = denoised.x0
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension SamplerName {
    static let eulerCFGPP = SamplerName(
        "euler_cfg_pp", webui: "Euler CFG++", order: 1, readsUnconditional: true,
        use: "Euler that keeps to the model's own pictures under guidance: --cfg-scale 0.4 to 2, in 20 to 30 steps"
    ) { try EulerCFGPP($0, eta: 0) }

    static let eulerAncestralCFGPP = SamplerName(
        "euler_a_cfg_pp", webui: "Euler a CFG++", aliases: ["euler_ancestral_cfg_pp"], order: 1, isStochastic: true,
        readsUnconditional: true, options: .eta, use: "the same with new noise in every step"
    ) { try EulerCFGPP($0, eta: AddedNoise($0).eta) }
}
