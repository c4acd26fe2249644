/// DPM-Solver++ with noise in the step's middle and at its end (k-diffusion's sample_dpmpp_sde, r = ½); diffusers'
/// DPMSolverSDEScheduler.
///
/// There the noise comes from a Brownian tree by default, which gives the same path whatever the steps; here it does if
/// that is asked for, and is drawn anew otherwise, in the step's middle too, as with k-diffusion's other noise samplers.
struct DPMPPSDE: SigmaPathSampler {
    let path: SigmaPath
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(defaultBetas: (0.00085, 0.012)))
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        let noise = noise.along(path.sigmas[firstStep...], in: x.pool)
        var x = x
        for index in firstStep..<levels.count {
            let level = levels[index]
            let (from, to) = (Double(level.sigma), Double(path.sigmas[index + 1]))
            let x0 = try denoise(x, level).x0
            if to > 0 {
                let middle = path.level(of: (from * to).squareRoot())
                let halfway = advanced(x, towards: x0, from: from, to: Double(middle.sigma), noise)
                x = advanced(x, towards: try denoise(halfway, middle).x0, from: from, to: to, noise)
            } else {
                x += (to - from) * SigmaPath.slope(of: x, to: x0, at: level)
            }
            x = try afterStep(index, x)
        }
        return x
    }

    /// x from one σ to another, with a prediction that stands for the whole way.
    private func advanced(
        _ x: Sample, towards x0: Sample, from: Double, to: Double, _ noise: StepNoise
    ) -> Sample {
        let step = AncestralStep(from: from, to: to, eta: added.eta)
        let kept = step.down / from
        return kept * x + (1 - kept) * x0 + step.up * added.factor * noise(from: from, to: to)
    }
}

extension SamplerName {
    static let dpmppSDE = SamplerName(
        "dpm++sde", webui: "DPM++ SDE", aliases: ["dpmpp_sde", "k_dpmpp_sde", "sample_dpmpp_sde", "dpmpp_sde_gpu"],
        classes: ["DPMSolverSDEScheduler"], order: 1, evaluations: 2, isStochastic: true,
        options: [.eta, .noiseFactor, .brownianNoise],
        use: "two evaluations, new noise twice a step: good in 10 to 20 steps"
    ) { try DPMPPSDE($0) }
}
