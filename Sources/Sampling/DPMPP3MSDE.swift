#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// DPM-Solver++(3M) SDE: exponential multistep of order three in x₀ (k-diffusion's sample_dpmpp_3m_sde).
///
/// There the noise comes from a Brownian tree by default; here it is drawn anew in each step. See `DPMPPSDE`.
struct DPMPP3MSDE: Sampler {
    private let path: SigmaPath
    /// How much noise is added: 1 as the SDE has it, 0 none.
    private let eta: Double
    private let noiseFactor: Double
    var levels: [NoiseLevel] { path.levels }
    var initialNoiseScale: Float { path.initialNoiseScale }

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true))
        try path.requireFalling()
        eta = Double(settings.eta ?? 1)
        noiseFactor = settings.noiseFactor ?? 1
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: () -> Sample, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var history = History(limit: 3)  // predictions of x₀
        for index in firstStep..<levels.count {
            history.add(try denoise(x, levels[index]).x0)
            let to = Double(path.sigmas[index + 1])
            if to > 0 {
                x = step(x, index, history)
                if eta > 0 {
                    let spread = (-expm1(-2 * eta * self.h(index))).squareRoot()
                    x += to * spread * noiseFactor * noise()
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
        let longer = h * (eta + 1)
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
        isStochastic: true, options: .noiseFactor,
        use: "third order with new noise: 30 steps or more, with karras"
    ) { try DPMPP3MSDE($0) }
}
