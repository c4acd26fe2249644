/// How the β of the training steps are spaced.
package enum BetaSchedule: String, Codable, CaseIterable, Sendable {
    case linear
    /// Linear in √β, so β itself is quadratic: Stable Diffusion's.
    case scaledLinear = "scaled_linear"
    /// The cosine schedule of Nichol and Dhariwal 2021, with β capped at 0.999.
    case squaredCosine = "squaredcos_cap_v2"
    case sigmoid
}

/// What the network's output means.
package enum PredictionType: String, Codable, CaseIterable, Sendable {
    case epsilon
    case velocity = "v_prediction"
    case sample
    /// The gradient of the logarithm of the density, as networks along a stochastic differential equation do, which are
    /// shown x as it is.
    case score
}

/// How a run's timesteps are picked from the training steps (Lin et al. 2023, table 2).
package enum TimestepSpacing: String, Codable, CaseIterable, Sendable {
    case leading, trailing, linspace
}

/// Where the last step ends: without noise, or at the smallest noise of training.
package enum FinalSigmas: String, Codable, CaseIterable, Sendable {
    case zero
    case smallest = "sigma_min"
}

/// How diffusers' EDM classes space σ.
package enum SigmaSchedule: String, Codable, CaseIterable, Sendable {
    case karras, exponential
}

/// diffusers' `scheduler_config.json`: the noise that the model was trained on and how to sample it.
///
/// A key that is missing (or null) stays nil where diffusers' classes have different defaults; each sampler puts
/// in its own, so that a configuration read by another sampler than the one it was written for behaves as
/// `OtherScheduler.from_config(config)` does. Unknown keys are ignored; values are checked for type and range.
package struct SchedulerConfig: Codable, Equatable, Sendable {
    /// diffusers' class, such as `DDIMScheduler`.
    package var className: String?
    /// 1...100000
    package var numTrainTimesteps = 1000
    package var betaStart: Double?
    package var betaEnd: Double?
    package var betaSchedule = BetaSchedule.linear
    /// One β a training step, instead of a schedule.
    package var trainedBetas: [Float]?
    package var rescaleBetasZeroSNR = false
    /// Not of the file: whether samplers rescale, too, whose diffusers class does not read `rescale_betas_zero_snr`.
    package var alwaysRescalesBetas = false
    package var predictionType = PredictionType.epsilon

    package var timestepSpacing: TimestepSpacing?
    package var stepsOffset = 0
    package var setAlphaToOne: Bool?
    package var finalSigmasType = FinalSigmas.zero
    package var useKarrasSigmas = false
    package var useExponentialSigmas = false
    package var useBetaSigmas = false
    package var sigmaMin: Double?
    package var sigmaMax: Double?
    /// Networks with the preconditioning of Karras et al. 2022 (diffusers' EDM classes), which were trained on any σ
    /// between two: the standard deviation of the data. nil for all others.
    package var sigmaData: Double?
    /// How these space σ.
    package var sigmaSchedule = SigmaSchedule.karras
    /// Of Karras' schedule; 7 or nothing.
    package var rho: Double?

    package var clipSample: Bool?
    package var clipSampleRange: Float = 1
    package var thresholding = false
    package var dynamicThresholdingRatio: Float = 0.995
    package var sampleMaxValue: Float = 1

    package var skipPRKSteps = false
    package var solverOrder = 2
    package var solverType: String?
    package var algorithmType: String?
    package var lowerOrderFinal: Bool?
    package var eulerAtFinal = false
    package var predictX0 = true
    package var disableCorrector: [Int] = []
    package var lambdaMinClipped: Double?
    package var varianceType: String?

    /// SA-Solver: 1...4
    package var predictorOrder = 2
    package var correctorOrder = 2

    /// Models of the score, along a stochastic differential equation.
    package var snr: Double?
    package var correctorSteps: Int?
    package var betaMin = 0.1
    package var betaMax = 20.0
    package var samplingEpsilon: Double?

    /// Latent consistency models: how many steps they were distilled with, and what timesteps are multiplied by where
    /// the consistency function meets its boundary.
    package var originalInferenceSteps = 50
    package var timestepScaling = 10.0

    // Known, and refused by the sampler that would have to obey.
    package var interpolationType: String?
    package var timestepType: String?
    package var useLuLambdas = false
    package var useFlowSigmas = false
    package var useDynamicShifting = false

    package init() {}

    enum CodingKeys: String, CodingKey {
        case className = "_class_name"
        case numTrainTimesteps = "num_train_timesteps"
        case betaStart = "beta_start"
        case betaEnd = "beta_end"
        case betaSchedule = "beta_schedule"
        case trainedBetas = "trained_betas"
        case rescaleBetasZeroSNR = "rescale_betas_zero_snr"
        case predictionType = "prediction_type"
        case timestepSpacing = "timestep_spacing"
        case stepsOffset = "steps_offset"
        case setAlphaToOne = "set_alpha_to_one"
        case finalSigmasType = "final_sigmas_type"
        case useKarrasSigmas = "use_karras_sigmas"
        case useExponentialSigmas = "use_exponential_sigmas"
        case useBetaSigmas = "use_beta_sigmas"
        case sigmaMin = "sigma_min"
        case sigmaMax = "sigma_max"
        case sigmaData = "sigma_data"
        case sigmaSchedule = "sigma_schedule"
        case rho
        case clipSample = "clip_sample"
        case clipSampleRange = "clip_sample_range"
        case thresholding
        case dynamicThresholdingRatio = "dynamic_thresholding_ratio"
        case sampleMaxValue = "sample_max_value"
        case skipPRKSteps = "skip_prk_steps"
        case solverOrder = "solver_order"
        case solverType = "solver_type"
        case algorithmType = "algorithm_type"
        case lowerOrderFinal = "lower_order_final"
        case eulerAtFinal = "euler_at_final"
        case predictX0 = "predict_x0"
        case disableCorrector = "disable_corrector"
        case lambdaMinClipped = "lambda_min_clipped"
        case varianceType = "variance_type"
        case predictorOrder = "predictor_order"
        case correctorOrder = "corrector_order"
        case snr
        case correctorSteps = "correct_steps"
        case betaMin = "beta_min"
        case betaMax = "beta_max"
        case samplingEpsilon = "sampling_eps"
        case originalInferenceSteps = "original_inference_steps"
        case timestepScaling = "timestep_scaling"
        case interpolationType = "interpolation_type"
        case timestepType = "timestep_type"
        case useLuLambdas = "use_lu_lambdas"
        case useFlowSigmas = "use_flow_sigmas"
        case useDynamicShifting = "use_dynamic_shifting"
    }

    /// The configuration as diffusers' StableDiffusionPipeline reads it: whatever the file says, `steps_offset` is 1
    /// and predictions are not clipped, because latents are not confined to −1...1.
    package func readAsStableDiffusion() -> SchedulerConfig {
        var config = self
        config.stepsOffset = 1
        config.clipSample = false
        return config
    }
}
