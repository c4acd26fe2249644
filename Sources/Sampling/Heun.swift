/// Heun's method (Karras et al. 2022, algorithm 2): each step but the last evaluates the network again where Euler's
/// step ends and goes by the mean; diffusers' HeunDiscreteScheduler.
struct Heun: SigmaPathSampler {
    let path: SigmaPath
    private let churning: Churning?
    private let limit: SampleLimit

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(defaultBetas: (0.00085, 0.012)))
        churning = Churning(settings)
        limit = SampleLimit(settings.config, clips: false, thresholds: false)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            var level = levels[index]
            churning?.raise(&x, &level, path, share: levels.count - firstStep, noise)
            let difference = path.sigmas[index + 1] - level.sigma
            let slope = SigmaPath.slope(of: x, to: limit.applied(to: try denoise(x, level).x0), at: level)
            var next = try afterStep(index, x + difference * slope)
            // A way that ends with some noise, as one schedule of the webui does, has a level there too.
            let end = path.sigmas[index + 1]
            if let level = levelAfter(step: index) ?? (end > 0 ? path.level(of: Double(end)) : nil) {
                let x0 = limit.applied(to: try denoise(next, level).x0)
                let second = SigmaPath.slope(of: next, to: x0, at: level)
                next = try afterStep(index, x + difference * (0.5 * slope + 0.5 * second))
            }
            x = next
        }
        return x
    }
}

extension SamplerName {
    static let heun = SamplerName(
        "heun", webui: "Heun", aliases: ["k_heun", "sample_heun"], classes: ["HeunDiscreteScheduler"], order: 2,
        evaluations: 2, pureNoise: .drawsInShortSteps, options: [.churn, .noiseFactor],
        use: "two evaluations a step: slow, accurate"
    ) { try Heun($0) }
}
