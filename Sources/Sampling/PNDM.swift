/// Pseudo numerical methods (Liu et al. 2022, equations 9, 12 and 13); diffusers' PNDMScheduler.
///
/// Four linear multistep terms (PLMS), begun either by twelve Runge–Kutta evaluations (PRK) or, with
/// `skip_prk_steps`, by repeating the first step with the mean of two predictions. Both make the list of levels
/// longer than the steps asked for.
struct PNDM: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float = 1
    private let path: AlphaPath
    /// Training steps from one timestep to the next.
    private let stride: Int
    /// How many entries of the list belong to the Runge–Kutta start.
    private let prkCount: Int
    /// Whether the terms are combined as v, which is what the network predicts, and not as ε: as diffusers does.
    private let combinesVelocity: Bool

    init(_ settings: SamplerSettings, skipsPRK: Bool) throws {
        let (count, config) = (settings.steps, settings.config)
        let train = config.numTrainTimesteps
        let picked = try Timesteps.evenly(
            config.timestepSpacing ?? .leading, steps: count, train: train, offset: config.stepsOffset
        ).map { $0.rounded(.toNearestOrEven) }
        stride = train / count
        var timesteps: [Double]
        if skipsPRK {
            timesteps = picked
            if count > 1 { timesteps.insert(picked[1], at: 1) }
            prkCount = 0
        } else {
            guard count >= 4 else {
                throw SamplingError.steps(
                    asked: count, allowed: 4...max(4, train),
                    reason: "PNDM begins with four Runge–Kutta points; \"plms\" takes fewer")
            }
            let half = Double(stride / 2)
            timesteps = (0..<3).flatMap { group in
                let (from, to) = (picked[group], picked[group + 1])
                return [from, to + half, to + half, to]
            }
            prkCount = timesteps.count
            timesteps += picked[3...]
        }
        path = try AlphaPath(
            NoiseSchedule(config, rescalesToZeroSNR: false), timesteps: timesteps, steps: count,
            offset: config.stepsOffset,
            endsClean: config.setAlphaToOne ?? false)
        levels = path.levels
        guard levels.allSatisfy({ $0.alpha > 0 }) else {
            throw SamplingError.degenerateSchedule(
                reason: "its first step is pure noise, which these steps cannot start from; use another sampler or the"
                    + " schedule leading")
        }
        combinesVelocity = config.predictionType == .velocity
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        var start = x  // where the step that takes several evaluations began
        var history = History(limit: 4)
        var rungeKutta = x  // the sum of a stage's predictions
        for index in firstStep..<levels.count {
            let level = levels[index]
            let denoised = try denoise(x, level)
            let output =
                combinesVelocity
                ? level.alpha * denoised.epsilon - level.sigma * denoised.x0 : denoised.epsilon
            // A run that starts in the middle of the list counts from its own start, as diffusers does.
            let counter = index - firstStep
            let timestep = path.timesteps[index]

            if counter < prkCount {
                let stage = counter % 4
                if stage == 0 {
                    start = x
                    history.add(output)
                }
                let weight: Float = stage == 0 || stage == 3 ? 1 / 6 : 1 / 3
                rungeKutta = stage == 0 ? weight * output : rungeKutta + weight * output
                x = moved(
                    start, along: stage == 3 ? rungeKutta : output,
                    from: path.timesteps[counter - stage], to: timestep - (stage % 2 == 0 ? stride / 2 : 0))
            } else if counter == 1 {
                // The first step once more, with the mean of the predictions at its two ends.
                x = moved(
                    start, along: 0.5 * output + 0.5 * history[0], from: timestep + stride,
                    to: timestep)
            } else {
                history.add(output)
                if counter == 0 { start = x }
                x = moved(x, along: Self.multistep(history), from: timestep, to: timestep - stride)
            }
            x = try afterStep(index, x)
        }
        return x
    }

    /// Adams–Bashforth over the predictions at equally spaced steps.
    private static func multistep(_ history: History) -> Sample {
        let weights = adamsBashforth[history.count - 1]
        var sum = weights[0] * history[weights.count - 1]
        for index in 1..<weights.count { sum += weights[index] * history[weights.count - 1 - index] }
        return sum
    }

    /// The weights of one to four predictions, oldest first.
    static let adamsBashforth: [[Float]] = [
        [1], [-1 / 2, 3 / 2], [5 / 12, -16 / 12, 23 / 12], [-9 / 24, 37 / 24, -59 / 24, 55 / 24],
    ]

    /// x moved along a prediction from one timestep to another (equation 9 of the paper).
    private func moved(_ x: Sample, along output: Sample, from: Int, to: Int) -> Sample {
        let alpha = path.alpha(at: from)
        let next = path.alpha(at: to)
        let epsilon =
            combinesVelocity
            ? alpha.squareRoot() * output + (1 - alpha).squareRoot() * x : output
        let denominator =
            alpha * (1 - next).squareRoot() + (alpha * (1 - alpha) * next).squareRoot()
        return (next / alpha).squareRoot() * x - (next - alpha) / denominator * epsilon
    }
}

extension SamplerName {
    static let pndm = SamplerName(
        "pndm", webui: "PNDM", classes: ["PNDMScheduler"], order: 4, takesSchedule: false,
        use: "PLMS begun with Runge–Kutta, which takes 9 evaluations more"
    ) { try PNDM($0, skipsPRK: $0.config.skipPRKSteps) }

    static let plms = SamplerName(
        "plms", webui: "PLMS", order: 4, takesSchedule: false,
        use: "PNDM without the Runge–Kutta start; Stable Diffusion 1's own"
    ) { try PNDM($0, skipsPRK: true) }
}
