import Sampling

/// Settings of the noise and of samplers that few pictures need. What is nil is left to the model and the sampler.
///
///     request.sampler = "heun"
///     request.sampling.tuning.churn = 10
public struct SamplerTuning: Sendable, Equatable, Codable {
    /// Noise levels by hand, instead of a number of steps and a schedule: falling, 1000 at most. The 0 that a run ends
    /// at may be left out.
    public var sigmas: [Double]?
    /// How the noise of the training grows, if not as the model says: "linear", "scaled_linear" (or "quadratic"),
    /// "squaredcos_cap_v2" (or "cosine") or "sigmoid".
    public var noiseSchedule: String?
    /// Whether that noise is scaled so that it ends with nothing but noise (Lin et al. 2023), for models that predict v
    /// or x₀.
    public var zeroSNR: Bool?
    /// What noise is multiplied with that samplers add on the way, 0…2 (k-diffusion's s_noise).
    public var noiseFactor: Double?
    /// Whether the noise on the way is that of one Brownian path, however it is cut into steps, for dpm++sde, dpm++2m_sde
    /// and dpm++3m_sde: as k-diffusion, the webui and ComfyUI have it. nil: it is drawn anew in every step.
    public var brownianNoise: Bool?
    /// Noise that Euler's, Heun's and DPM2's steps add and take away again, shared out among them, 0…1000 (s_churn of
    /// Karras et al. 2022).
    public var churn: Double?
    /// Between which σ they do (s_tmin and s_tmax).
    public var churnLowest: Double?
    public var churnHighest: Double?
    /// How exact DPM adaptive is: up to what part of a value, 0.00001…1, and up to what difference, 0.000001…1, two orders
    /// may differ over a step.
    public var relativeTolerance: Double?
    public var absoluteTolerance: Double?

    public init() {}

    /// What belongs to the model and not to a sampler.
    public var ofTheModel: SamplerTuning {
        var kept = SamplerTuning()
        (kept.noiseSchedule, kept.zeroSNR) = (noiseSchedule, zeroSNR)
        return kept
    }
}

extension SamplerTuning {
    /// The configuration with the noise that is asked for.
    func applied(to scheduler: SchedulerConfig) throws -> SchedulerConfig {
        guard noiseSchedule != nil || zeroSNR != nil else { return scheduler }
        return try scheduler.with(betas: try noiseSchedule.map { try BetaSchedule(named: $0) }, zeroSNR: zeroSNR)
    }

    /// Puts what is asked for into the settings.
    ///
    /// - Throws: `LimnError` for one that needs another
    func apply(to settings: inout SamplerSettings) throws {
        (settings.noiseFactor, settings.brownianNoise) = (noiseFactor, brownianNoise)
        if let churn {
            if let churnHighest, !churnHighest.isFinite {
                throw LimnError("the highest σ of the churn must be a number", isUsage: true)
            }
            settings.churn = Churn(amount: churn, lowest: churnLowest ?? 0, highest: churnHighest ?? .infinity)
        } else if churnLowest != nil || churnHighest != nil {
            throw LimnError("σ between which to churn are given, but no churn: give --s-churn too", isUsage: true)
        }
        if relativeTolerance != nil || absoluteTolerance != nil {
            var tolerance = Tolerance()
            if let relativeTolerance { tolerance.relative = relativeTolerance }
            if let absoluteTolerance { tolerance.absolute = absoluteTolerance }
            settings.tolerance = tolerance
        }
    }
}
