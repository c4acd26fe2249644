/// Linear multistep of order four over the unevenly spaced σ (k-diffusion's sample_lms); diffusers'
/// LMSDiscreteScheduler.
struct LMS: SigmaPathSampler {
    let path: SigmaPath
    /// Whether the step to a clean end takes the last prediction as it is, as ComfyUI's does.
    private let endsWithPrediction: Bool

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init())
        try path.requireFalling()
        endsWithPrediction = settings.conventions?.tables == .comfyUI
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var slopes = History(limit: 4)
        for index in firstStep..<levels.count {
            let slope = SigmaPath.slope(of: x, to: try denoise(x, levels[index]).x0, at: levels[index])
            slopes.add(slope)
            // A run from the middle has fewer slopes than the order it is given by its place in the whole run. So
            // diffusers has it; its first steps are off, and comparable.
            let order = endsWithPrediction && path.sigmas[index + 1] == 0 ? 1 : min(index + 1, 4)
            var move = coefficient(order: order, step: index, current: 0) * slope
            for current in 1..<min(order, slopes.count) {
                move += coefficient(order: order, step: index, current: current) * slopes[current]
            }
            x += move
            x = try afterStep(index, x)
        }
        return x
    }

    /// ∫ of the Lagrange polynomial that is 1 at σ[step − current] and 0 at the others, over the step. Two
    /// Gauss–Legendre points are exact for its degree, which is at most 3.
    private func coefficient(order: Int, step: Int, current: Int) -> Double {
        func polynomial(_ sigma: Double) -> Double {
            var product = 1.0
            for other in 0..<order where other != current {
                let root = Double(path.sigmas[step - other])
                product = product * (sigma - root) / (Double(path.sigmas[step - current]) - root)
            }
            return product
        }
        let (from, to) = (Double(path.sigmas[step]), Double(path.sigmas[step + 1]))
        let (middle, half) = ((from + to) / 2, (to - from) / 2)
        let offset = half / 3.0.squareRoot()
        return half * (polynomial(middle - offset) + polynomial(middle + offset))
    }
}

extension SamplerName {
    static let lms = SamplerName(
        "lms", webui: "LMS", aliases: ["k_lms", "sample_lms"], classes: ["LMSDiscreteScheduler"], order: 4,
        use: "linear multistep: reuses the last four predictions"
    ) { try LMS($0) }
}
