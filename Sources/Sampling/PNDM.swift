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

    init(steps count: Int, skipsPRK: Bool, config: SchedulerConfig) throws {
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
        combinesVelocity = config.predictionType == .velocity
    }

    func sample(
        _ x: [Float], from firstStep: Int, denoise: ([Float], NoiseLevel) throws -> Denoised,
        noise: () -> [Float], afterStep: (Int, [Float]) throws -> [Float]
    ) throws -> [Float] {
        var x = x
        var start = x  // where the step that takes several evaluations began
        var history: [[Float]] = []  // newest last, at most four
        var rungeKutta: [(weight: Float, values: [Float])] = []
        for index in firstStep..<levels.count {
            let level = levels[index]
            let denoised = try denoise(x, level)
            let output =
                combinesVelocity
                ? combined(level.alpha, denoised.epsilon, -level.sigma, denoised.x0) : denoised.epsilon
            // A run that starts in the middle of the list counts from its own start, as diffusers does.
            let counter = index - firstStep
            let timestep = path.timesteps[index]

            if counter < prkCount {
                let stage = counter % 4
                if stage == 0 {
                    start = x
                    history.append(output)
                    rungeKutta = []
                }
                rungeKutta.append((stage == 0 || stage == 3 ? 1 / 6 : 1 / 3, output))
                x = moved(
                    start, along: stage == 3 ? weightedSum(rungeKutta) : output,
                    from: path.timesteps[counter - stage], to: timestep - (stage % 2 == 0 ? stride / 2 : 0))
            } else if counter == 1 {
                // The first step once more, with the mean of the predictions at its two ends.
                x = moved(
                    start, along: combined(0.5, output, 0.5, history[0]), from: timestep + stride,
                    to: timestep)
            } else {
                history = history.suffix(3) + [output]
                if counter == 0 { start = x }
                x = moved(x, along: Self.multistep(history), from: timestep, to: timestep - stride)
            }
            x = try afterStep(index, x)
        }
        return x
    }

    /// Adams–Bashforth over the predictions at equally spaced steps, newest last.
    private static func multistep(_ history: [[Float]]) -> [Float] {
        let weights: [Float] =
            switch history.count {
            case 1: [1]
            case 2: [-1 / 2, 3 / 2]
            case 3: [5 / 12, -16 / 12, 23 / 12]
            default: [-9 / 24, 37 / 24, -59 / 24, 55 / 24]
            }
        return weightedSum(zip(weights, history).map { ($0, $1) })
    }

    /// x moved along a prediction from one timestep to another (equation 9 of the paper).
    private func moved(_ x: [Float], along output: [Float], from: Int, to: Int) -> [Float] {
        let alpha = path.alpha(at: from)
        let next = path.alpha(at: to)
        let epsilon =
            combinesVelocity
            ? combined(Float(alpha.squareRoot()), output, Float((1 - alpha).squareRoot()), x) : output
        let denominator =
            alpha * (1 - next).squareRoot() + (alpha * (1 - alpha) * next).squareRoot()
        return combined(
            Float((next / alpha).squareRoot()), x, Float(-(next - alpha) / denominator), epsilon)
    }
}
