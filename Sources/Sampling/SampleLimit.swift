/// How a predicted x₀ is kept in range.
enum SampleLimit: Sendable, Equatable {
    case none
    case clip(Float)
    /// Dynamic thresholding (Saharia et al. 2022, section 2.3): clip at a quantile of |x₀| and divide by it.
    case dynamic(ratio: Float, maximum: Float)

    /// - Parameter clips: what holds where the configuration does not say; nil for a sampler that never clips.
    init(_ config: SchedulerConfig, clips: Bool?, thresholds: Bool = true) {
        if thresholds && config.thresholding {
            self = .dynamic(ratio: config.dynamicThresholdingRatio, maximum: config.sampleMaxValue)
        } else if let clips, config.clipSample ?? clips {
            self = .clip(config.clipSampleRange)
        } else {
            self = .none
        }
    }

    func applied(to x0: Sample) -> Sample {
        switch self {
        case .none:
            return x0
        case .clip(let range):
            return x0.map { min(max($0, -range), range) }
        case .dynamic(let ratio, let maximum):
            return QuantileThreshold(ratio: ratio, range: 1, maximum: maximum).applied(to: x0)
        }
    }

    /// What a solver integrates: ε or x₀.
    func prediction(of denoised: Denoised, in x: Sample, at level: NoiseLevel, isNoise: Bool) -> Sample {
        isNoise ? noise(of: denoised, in: x, at: level) : applied(to: denoised.x0)
    }

    /// The noise that x holds if x₀ is kept in range: what the network said of it, where nothing is limited.
    func noise(of denoised: Denoised, in x: Sample, at level: NoiseLevel) -> Sample {
        guard self != .none else { return denoised.epsilon }
        return 1 / level.sigma * x - level.alpha / level.sigma * applied(to: denoised.x0)
    }
}
