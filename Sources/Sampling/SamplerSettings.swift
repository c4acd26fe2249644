/// What a run's sampler is built from.
package struct SamplerSettings: Sendable {
    /// 1 to the configuration's training steps.
    package var steps: Int
    /// nil for what the configuration says.
    package var schedule: ScheduleName?
    /// σ given by hand instead of `steps` and `schedule`: falling, above 0, 1000 at most. The run ends at 0.
    package var sigmas: [Double]?
    /// 0...1, how much noise a step adds; nil for the sampler's own. Samplers that add a fixed amount refuse it.
    package var eta: Float?
    /// 0...2, what the noise on the way is multiplied with (k-diffusion's s_noise); nil: 1.
    package var noiseFactor: Double?
    /// Whether the noise on the way follows a Brownian path, for samplers of an SDE; nil: it does not.
    package var brownianNoise: Bool?
    /// Noise that is added before a step and stepped down again; nil: none.
    package var churn: Churn?
    /// How exact a sampler is that chooses its steps by itself; nil: its own.
    package var tolerance: Tolerance?
    /// Where the run starts: more than 0 where only a part of the noise is put on a picture. Samplers that make up
    /// their steps from those that are run look at it; the others need not.
    package var firstStep = 0
    /// How another program than diffusers lays out the run; nil: as diffusers does.
    package var conventions: RunConventions?
    /// Which tables of σ are the model's.
    package var family: ModelFamily
    /// What its solver is asked for beyond the configuration.
    package var solver = SolverSettings()
    /// The noise that the model was trained on, and the sampler's own options. One that was written for another class
    /// is read as diffusers' `OtherScheduler.from_config(config)` does.
    package var config: SchedulerConfig

    package init(
        steps: Int, schedule: ScheduleName? = nil, sigmas: [Double]? = nil, eta: Float? = nil,
        noiseFactor: Double? = nil, churn: Churn? = nil, tolerance: Tolerance? = nil,
        family: ModelFamily = .stableDiffusion, config: SchedulerConfig
    ) {
        // The 0 that a run ends at may be given, or left out.
        self.sigmas = sigmas.map { $0.last == 0 ? Array($0.dropLast()) : $0 }
        self.steps = self.sigmas?.count ?? steps
        self.schedule = schedule
        (self.eta, self.noiseFactor, self.churn, self.tolerance) = (eta, noiseFactor, churn, tolerance)
        (self.family, self.config) = (family, config)
    }
}

/// Stochasticity of Karras et al. 2022, algorithm 2: where σ is in a range, a step starts from a higher one, to which
/// noise is added.
package struct Churn: Sendable, Equatable {
    /// S_churn, 0...1000: shared out among the steps of a run.
    package var amount: Double
    /// S_tmin and S_tmax.
    package var lowest = 0.0
    package var highest = Double.infinity

    package init(amount: Double, lowest: Double = 0, highest: Double = .infinity) {
        (self.amount, self.lowest, self.highest) = (amount, lowest, highest)
    }
}

/// Up to what error two methods of different order may differ over a step.
package struct Tolerance: Sendable, Equatable {
    /// Of a value's magnitude, and at least.
    package var relative = 0.05
    package var absolute = 0.0078

    package init(relative: Double = 0.05, absolute: Double = 0.0078) {
        (self.relative, self.absolute) = (relative, absolute)
    }
}

/// Which of the settings that not all samplers have a use for one obeys.
struct SamplerOptions: OptionSet, Sendable {
    let rawValue: Int

    static let noiseFactor = SamplerOptions(rawValue: 1)
    static let churn = SamplerOptions(rawValue: 2)
    static let tolerance = SamplerOptions(rawValue: 4)
    static let eta = SamplerOptions(rawValue: 8)
    static let brownianNoise = SamplerOptions(rawValue: 16)
}
