#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver++(3M) SDE: exponential multistep of order three in x₀ (k-diffusion's sample_dpmpp_3m_sde).
///
/// There the noise comes from a Brownian tree by default; here only if that is asked for. See `DPMPPSDE`.
struct DPMPP3MSDE: SigmaPathSampler {
    let path: SigmaPath
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true))
        try path.requireFalling()
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        let noise = noise.along(path.sigmas[firstStep...], in: x.pool)
        var history = History(limit: 3)  // predictions of x₀
        for index in firstStep..<levels.count {
            history.add(try denoise(x, levels[index]).x0)
            let (from, to) = (Double(path.sigmas[index]), Double(path.sigmas[index + 1]))
            if to > 0 {
                x = step(x, index, history)
                if added.eta > 0 {
                    let spread = (-expm1(-2 * added.eta * self.h(index))).squareRoot()
                    x += to * spread * added.factor * noise(from: from, to: to)
                }
            } else {
                x = history[0]
            }
            x = try afterStep(index, x)
        }
        return x
    }

    /// A step's length in −log σ.
    private func h(_ index: Int) -> Double { log(Double(path.sigmas[index]) / Double(path.sigmas[index + 1])) }

    private func step(_ x: Sample, _ index: Int, _ history: History) -> Sample {
        let h = h(index)
        let longer = h * (added.eta + 1)
        let phi2 = expm1(-longer) / longer + 1
        var next = exp(-longer) * x - expm1(-longer) * history[0]
        guard history.count > 1 else { return next }
        // How long the steps before were, in this one's length.
        let last = self.h(index - 1) / h
        let slope = 1 / last * (history[0] - history[1])
        guard history.count > 2 else { return next + phi2 * slope }
        let earlier = self.h(index - 2) / h
        let older = 1 / earlier * (history[1] - history[2])
        let bend = 1 / (last + earlier) * (slope - older)
        next += phi2 * (slope + last * bend)
        next += (0.5 - phi2 / longer) * bend
        return next
    }
}

extension SamplerName {
    static let dpmpp3mSDE = SamplerName(
        "dpm++3m_sde", webui: "DPM++ 3M SDE", aliases: ["k_dpmpp_3m_sde", "sample_dpmpp_3m_sde", "dpmpp_3m_sde_gpu"],
        order: 3,
        isStochastic: true, options: [.eta, .noiseFactor, .brownianNoise],
        use: "third order with new noise: 30 steps or more, with karras"
    ) { try DPMPP3MSDE($0) }
}
