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

/// The one place that knows what the network predicts: ε, v (Salimans and Ho 2022), x₀, or the score ∇log p.
package struct Parameterization: Sendable, Equatable {
    package let prediction: PredictionType

    package init(_ prediction: PredictionType) { self.prediction = prediction }

    /// What x is multiplied with before the network sees it, so that its variance is 1.
    package func inputScale(at level: NoiseLevel) -> Float { prediction == .score ? 1 : 1 / level.scale }

    /// - Parameters:
    ///   - x: the sample, not scaled.
    ///   - output: what the network made of the scaled sample.
    package func denoised(x: Sample, output: Sample, at level: NoiseLevel) -> Denoised {
        let (alpha, sigma) = (level.alpha, level.sigma)
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
