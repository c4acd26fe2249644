extension BetaSchedule {
    /// Other spellings; case and punctuation do not matter.
    package var aliases: [String] {
        switch self {
        case .linear, .sigmoid: []
        case .scaledLinear: ["quadratic"]
        case .squaredCosine: ["cosine"]
        }
    }

    /// One line for `--help`.
    package var summary: String {
        switch self {
        case .linear: "β in equal steps (Ho et al. 2020)"
        case .scaledLinear: "√β in equal steps: quadratic, as Stable Diffusion was trained"
        case .squaredCosine: "ᾱ along a squared cosine (Nichol and Dhariwal 2021)"
        case .sigmoid: "β along a sigmoid"
        }
    }

    package init(named name: String) throws {
        self = try lookUp(name, "noise schedule", in: Self.allCases.map { ($0, [$0.rawValue] + $0.aliases) })
    }
}

extension SchedulerConfig {
    /// The configuration with another noise than the file says.
    ///
    /// - Parameters:
    ///   - betas: how β are spaced, between the configuration's own ends; nil for what it says
    ///   - zeroSNR: whether the last training step is made pure noise (Lin et al. 2023); nil for what it says
    /// - Throws: `SamplingError.unsupported` where pure noise is asked of a network that predicts ε
    package func with(betas: BetaSchedule?, zeroSNR: Bool?) throws -> SchedulerConfig {
        var config = self
        if let betas { (config.betaSchedule, config.trainedBetas) = (betas, nil) }
        if let zeroSNR {
            guard !zeroSNR || predictionType != .epsilon else {
                throw SamplingError.unsupported(
                    what: "Noise that ends with nothing else, for a network that predicts epsilon from it,",
                    supported: "models of v_prediction or sample")
            }
            (config.rescaleBetasZeroSNR, config.alwaysRescalesBetas) = (zeroSNR, zeroSNR)
        }
        return config
    }
}
