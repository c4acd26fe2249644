/// What the network says about x at a level, both ways: x = alpha·x₀ + sigma·ε.
package struct Denoised {
    package var x0: Sample
    package var epsilon: Sample
    /// x₀ without the prompt, where guidance had it computed and the sampler asks for it.
    package var unconditional: Sample?

    package init(x0: Sample, epsilon: Sample, unconditional: Sample? = nil) {
        self.x0 = x0
        self.epsilon = epsilon
        self.unconditional = unconditional
    }
}

extension Denoised {
    /// The same with x₀ kept in range, and ε such that both still make x.
    package func limited(by limit: QuantileThreshold, x: Sample, at level: NoiseLevel) -> Denoised {
        var limited = self
        limited.x0 = limit.applied(to: x0)
        if level.sigma > 0 { limited.epsilon = 1 / level.sigma * (x - level.alpha * limited.x0) }
        return limited
    }
}

/// The one place that knows what the network predicts: ε, v (Salimans and Ho 2022), x₀, the score ∇log p, or what has to be
/// mixed with x to make x₀ (the preconditioning of Karras et al. 2022).
package struct Parameterization: Sendable, Equatable {
    package let prediction: PredictionType
    /// Standard deviation of the data; nil for networks that are not preconditioned.
    private let deviation: Float?

    package init(_ prediction: PredictionType, deviation: Double? = nil) {
        self.prediction = prediction
        self.deviation = deviation.map { Float($0) }
    }

    package init(_ config: SchedulerConfig) { self.init(config.predictionType, deviation: config.sigmaData) }

    /// What x is multiplied with before the network sees it, so that its variance is 1.
    package func inputScale(at level: NoiseLevel) -> Float {
        if let mixture = mixture(at: level) { return mixture.input }
        return prediction == .score ? 1 : 1 / level.scale
    }

    /// c_in, c_skip and c_out (table 1 of the paper), for x as it is scaled at the level.
    private func mixture(at level: NoiseLevel) -> (input: Float, skip: Float, output: Float)? {
        guard let deviation else { return nil }
        let sigma = level.sigma / level.alpha
        let variance = sigma * sigma + deviation * deviation
        let output = sigma * deviation / variance.squareRoot()
        return (
            1 / (level.alpha * variance.squareRoot()), deviation * deviation / (level.alpha * variance),
            prediction == .velocity ? -output : output
        )
    }

    /// - Parameters:
    ///   - x: the sample, not scaled.
    ///   - output: what the network made of the scaled sample.
    package func denoised(x: Sample, output: Sample, at level: NoiseLevel) -> Denoised {
        let (alpha, sigma) = (level.alpha, level.sigma)
        if let mixture = mixture(at: level) {
            let x0 = mixture.skip * x + mixture.output * output
            return Denoised(x0: x0, epsilon: 1 / sigma * x - alpha / sigma * x0)
        }
        switch prediction {
        case .epsilon:
            return Denoised(x0: 1 / alpha * x - sigma / alpha * output, epsilon: output)
        case .sample:
            return Denoised(x0: output, epsilon: 1 / sigma * x - alpha / sigma * output)
        case .score:
            // ∇log p = −ε/sigma
            return Denoised(
                x0: 1 / alpha * x + sigma * sigma / alpha * output, epsilon: -sigma * output)
        case .velocity:
            // v = a·ε − b·x₀ for the sample of unit variance x/scale = a·x₀ + b·ε.
            let scale = level.scale
            let (a, b) = (alpha / scale, sigma / scale)
            return Denoised(x0: a / scale * x - b * output, epsilon: b / scale * x + a * output)
        }
    }

    /// What a network would have said to mean this x₀.
    package func output(x: Sample, x0: Sample, at level: NoiseLevel) -> Sample {
        let (alpha, sigma) = (level.alpha, level.sigma)
        if let mixture = mixture(at: level) { return 1 / mixture.output * (x0 - mixture.skip * x) }
        switch prediction {
        case .epsilon: return 1 / sigma * x - alpha / sigma * x0
        case .sample: return x0
        case .score: return 1 / (sigma * sigma) * (alpha * x0 - x)
        case .velocity:
            let scale = level.scale
            let (a, b) = (alpha / scale, sigma / scale)
            return 1 / b * (a / scale * x - x0)
        }
    }
}
