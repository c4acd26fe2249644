/// The webui's DDIM and PLMS (sd_samplers_timesteps.py): whole timesteps as the original code picks them, which are one
/// more than the steps that are made, for the lowest of them is where the run ends. It ends with that timestep's noise.
package struct TimestepsOfTheWebUI: Sampler {
    enum Method: Sendable { case ddim, plms }

    package let levels: [NoiseLevel]
    package let initialNoiseScale: Float = 1
    /// Where a picture is noised to: a timestep above the first step's.
    package let start: NoiseLevel
    /// ᾱ where each step ends, and the level there.
    private let ends: [(alpha: Double, level: NoiseLevel)]
    private let method: Method
    private let eta: Double

    init(_ settings: SamplerSettings, _ method: Method) throws {
        let conventions = settings.conventions
        let train = settings.config.numTrainTimesteps
        let longer = conventions?.leavesOutPenultimate == true ? 1 : 0
        guard settings.steps >= 2, settings.steps <= train - longer else {
            throw SamplingError.steps(
                asked: settings.steps, allowed: 2...max(train - longer, 2),
                reason: "the webui picks them from the training's")
        }
        let count = settings.steps + longer
        let alphas = NoiseSchedule(settings.config).alphasCumprod
        let picked = stride(from: 0, to: train, by: train / count).map { min($0 + 1, train - 1) }
        func level(_ timestep: Int) -> NoiseLevel {
            NoiseLevel(alphaCumprod: alphas[timestep], timestep: Float(timestep))
        }
        // sample_img2img: noised to the timestep of that number, and stepped down from the one below.
        var run = picked[...]
        var top = run.endIndex - 1
        if case .from(let first)? = conventions?.part {
            let encoded = settings.steps - first - 1
            run = picked.prefix(max(encoded, 0))
            top = min(max(encoded, 0), picked.count - 1)
        }
        guard run.count > 1 else {
            throw SamplingError.steps(
                asked: settings.steps, allowed: min(settings.steps + 1, train)...train,
                reason: "so little strength leaves the webui's sampler none")
        }
        levels = run.dropFirst().reversed().map(level)
        ends = run.dropLast().reversed().map { (Double(alphas[$0]), level($0)) }
        start = level(picked[top])
        self.method = method
        eta = Double(settings.eta ?? 0)
    }

    package func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var history = History(limit: 3)  // predictions of ε
        for index in firstStep..<levels.count {
            let epsilon = try denoise(x, levels[index]).epsilon
            switch method {
            case .ddim: x = stepped(x, epsilon, index, noise)
            case .plms:
                let mixed: Sample
                switch history.count {
                case 0:
                    let there = stepped(x, epsilon, index, noise)
                    mixed = 0.5 * (epsilon + (try denoise(there, ends[index].level).epsilon))
                case 1: mixed = 1.5 * epsilon - 0.5 * history[0]
                case 2: mixed = 1.0 / 12 * (23.0 * epsilon - 16.0 * history[0] + 5.0 * history[1])
                default:
                    let older = 37.0 * history[1] - 9.0 * history[2]
                    mixed = 1.0 / 24 * (55.0 * epsilon - 59.0 * history[0] + older)
                }
                x = stepped(x, mixed, index, noise)
                history.add(epsilon)
            }
            x = try afterStep(index, x)
        }
        return x
    }

    /// Song et al. 2020, equation 12.
    private func stepped(_ x: Sample, _ epsilon: Sample, _ index: Int, _ noise: NoiseSource) -> Sample {
        let alpha = Double(levels[index].alpha) * Double(levels[index].alpha)
        let next = ends[index].alpha
        let variance = method == .ddim ? eta * eta * (1 - next) / (1 - alpha) * (1 - alpha / next) : 0
        let x0 = 1 / alpha.squareRoot() * (x - (1 - alpha).squareRoot() * epsilon)
        var result = next.squareRoot() * x0 + max(1 - next - variance, 0).squareRoot() * epsilon
        if variance > 0 { result += variance.squareRoot() * noise() }
        return result
    }
}

extension SamplerName {
    /// The webui's samplers of these names; not of the registry, for they are nowhere else.
    package static func ofTheWebUI(_ name: String) -> SamplerName? {
        switch name {
        case "ddim":
            SamplerName(
                "ddim", webui: "DDIM", order: 1, takesSchedule: false, takesSpacing: false, options: .eta,
                use: "the webui's own"
            ) { try TimestepsOfTheWebUI($0, .ddim) }
        case "plms":
            SamplerName(
                "plms", webui: "PLMS", order: 4, takesSchedule: false, takesSpacing: false, use: "the webui's own"
            ) {
                try TimestepsOfTheWebUI($0, .plms)
            }
        default: nil
        }
    }
}
