/// The samplers by the names of the field.
package enum SamplerName: String, CaseIterable, Sendable, CustomStringConvertible {
    case ddim
    case ddpm
    case pndm
    case plms
    case euler
    case eulerAncestral = "euler_a"
    case heun
    case lms
    case dpmpp2m = "dpm++2m"
    case dpmpp2mSDE = "dpm++2m_sde"
    case unipc
    case lcm

    package var description: String { rawValue }

    /// Other spellings; case and punctuation do not matter.
    package var aliases: [String] {
        switch self {
        case .ddim: ["DDIMScheduler"]
        case .ddpm: ["DDPMScheduler"]
        case .pndm: ["PNDMScheduler"]
        case .plms: []
        case .euler: ["EulerDiscreteScheduler", "k_euler", "sample_euler"]
        case .eulerAncestral:
            ["EulerAncestralDiscreteScheduler", "euler_ancestral", "k_euler_a", "sample_euler_ancestral"]
        case .heun: ["HeunDiscreteScheduler", "k_heun"]
        case .lms: ["LMSDiscreteScheduler", "k_lms"]
        case .dpmpp2m: ["DPMSolverMultistepScheduler", "k_dpmpp_2m", "dpm++"]
        case .dpmpp2mSDE: ["k_dpmpp_2m_sde", "dpm++sde2m"]
        case .unipc: ["UniPCMultistepScheduler", "uni_pc", "uni_pc_bh2"]
        case .lcm: ["LCMScheduler"]
        }
    }

    /// One line for `--help`.
    package var summary: String {
        switch self {
        case .ddim: "deterministic, good in 20 to 50 steps; --eta 1 adds noise"
        case .ddpm: "the slow original: adds noise in every step, wants hundreds"
        case .pndm: "PLMS begun with Runge–Kutta, which takes 9 evaluations more"
        case .plms: "PNDM without the Runge–Kutta start; Stable Diffusion 1's own"
        case .euler: "simple and dependable, good in 20 to 30 steps"
        case .eulerAncestral: "Euler with new noise in every step: varied, never settles"
        case .heun: "two evaluations a step: slow, accurate"
        case .lms: "linear multistep: reuses the last four predictions"
        case .dpmpp2m: "DPM-Solver++ 2M: good in 15 to 25 steps"
        case .dpmpp2mSDE: "DPM-Solver++ 2M with new noise in every step"
        case .unipc: "predictor and corrector: good in 10 to 20 steps"
        case .lcm: "for latent consistency models and LoRAs: 1 to 8 steps, guidance 1 to 2"
        }
    }

    /// - Throws: `SamplingError.unknownName`, with the known names and the nearest.
    package init(named name: String) throws { self = try Self.parse(name).sampler }

    /// Reads a name that may end in a schedule's, as the webui writes them: "DPM++ 2M Karras".
    package static func parse(_ name: String) throws -> (sampler: SamplerName, schedule: ScheduleName?) {
        let known = allCases.map { ($0, [$0.rawValue] + $0.aliases) }
        for schedule in [ScheduleName.karras, .exponential] {
            let (text, suffix) = (folded(name), schedule.rawValue)
            if text.hasSuffix(suffix), let sampler = match(String(text.dropLast(suffix.count)), in: known) {
                return (sampler, schedule)
            }
        }
        return (try lookUp(name, "sampler", in: known), nil)
    }

    /// What a configuration's `_class_name` stands for.
    /// - Throws: `SamplingError.unsupported`, with the classes that are supported.
    init(_ config: SchedulerConfig) throws {
        let classes: [(String, SamplerName)] = [
            ("DDIMScheduler", .ddim), ("DDPMScheduler", .ddpm), ("PNDMScheduler", .pndm),
            ("EulerDiscreteScheduler", .euler), ("EulerAncestralDiscreteScheduler", .eulerAncestral),
            ("HeunDiscreteScheduler", .heun), ("LMSDiscreteScheduler", .lms),
            ("DPMSolverMultistepScheduler", .dpmpp2m), ("UniPCMultistepScheduler", .unipc),
            ("LCMScheduler", .lcm),
        ]
        guard let name = classes.first(where: { $0.0 == config.className })?.1 else {
            throw SamplingError.unsupported(
                what: config.className.map { "The scheduler class \(quoted($0))" }
                    ?? "A scheduler configuration without \"_class_name\"",
                supported: classes.map(\.0).joined(separator: ", ") + "; or name a sampler")
        }
        let isSDE = try name == .dpmpp2m && DPMSolver.Algorithm(config) == .sde
        self = isSDE ? .dpmpp2mSDE : name
    }

    /// Whether the σ of its steps can be spaced by formula.
    var takesSchedule: Bool {
        switch self {
        case .ddim, .ddpm, .pndm, .plms, .lcm: false
        case .euler, .eulerAncestral, .heun, .lms, .dpmpp2m, .dpmpp2mSDE, .unipc: true
        }
    }
}

/// Builds a sampler for a run.
///
/// - Parameters:
///   - name: nil for the one that the configuration names; another one reads the same configuration as diffusers'
///     `OtherScheduler.from_config(config)` does.
///   - schedule: nil for what the configuration says.
///   - steps: 1 to the configuration's training steps.
///   - eta: 0...1, how much noise DDIM (nil: 0) and Euler ancestral (nil: 1) add; the others have no use for it.
/// - Throws: `SamplingError`.
package func makeSampler(
    _ name: SamplerName?, schedule: ScheduleName?, steps: Int, eta: Float?, config: SchedulerConfig
) throws -> any Sampler {
    let name = try name ?? SamplerName(config)
    if let eta, !(eta >= 0 && eta <= 1) { throw SamplingError.eta(eta) }
    if let schedule, schedule != .discrete, !name.takesSchedule {
        let able = SamplerName.allCases.filter(\.takesSchedule).map(\.rawValue)
        throw SamplingError.unsupported(
            what: "The schedule \(schedule) with the sampler \(name)",
            supported: "discrete, or one of the samplers " + able.joined(separator: ", "))
    }
    let sampler: any Sampler =
        switch name {
        case .ddim: try DDIM(steps: steps, eta: eta ?? 0, config: config)
        case .ddpm: try DDPM(steps: steps, config: config)
        case .pndm: try PNDM(steps: steps, skipsPRK: config.skipPRKSteps, config: config)
        case .plms: try PNDM(steps: steps, skipsPRK: true, config: config)
        case .euler: try Euler(steps: steps, schedule: schedule, config: config)
        case .eulerAncestral:
            try EulerAncestral(steps: steps, schedule: schedule, eta: eta ?? 1, config: config)
        case .heun: try Heun(steps: steps, schedule: schedule, config: config)
        case .lms: try LMS(steps: steps, schedule: schedule, config: config)
        case .dpmpp2m: try DPMSolver(steps: steps, schedule: schedule, algorithm: .ode, config: config)
        case .dpmpp2mSDE: try DPMSolver(steps: steps, schedule: schedule, algorithm: .sde, config: config)
        case .unipc: try UniPC(steps: steps, schedule: schedule, config: config)
        case .lcm: try LCM(steps: steps, config: config)
        }
    try check(sampler.levels, config.predictionType)
    return sampler
}

/// Every level must hold noise, and signal where the network's prediction needs it.
private func check(_ levels: [NoiseLevel], _ prediction: PredictionType) throws {
    for level in levels {
        guard level.sigma > 0, level.sigma.isFinite, level.alpha.isFinite, level.timestep.isFinite else {
            throw SamplingError.degenerateSchedule(
                reason: "the noise at timestep \(level.timestep) is \(level.sigma)")
        }
        guard level.alpha > 0 || prediction != .epsilon else {
            throw SamplingError.degenerateSchedule(
                reason: "timestep \(level.timestep) is pure noise, from which a network that predicts epsilon"
                    + " tells nothing; rescale_betas_zero_snr needs v_prediction or sample")
        }
    }
}

extension SchedulerConfig {
    /// - Throws: `SamplingError.unsupported` if the key's value is none of those that are built.
    func refuse(_ key: String, _ value: String?, unless supported: [String]) throws {
        guard let value, !supported.contains(value) else { return }
        throw SamplingError.unsupported(
            what: "\(key) \(quoted(value))", supported: supported.joined(separator: ", "))
    }

    func refuse(_ key: String, _ isAsked: Bool) throws {
        guard isAsked else { return }
        throw SamplingError.unsupported(what: key, supported: "a configuration without it")
    }
}

extension SamplerName {
    /// The sampler that a configuration names; nil if it names none that is known.
    package static func configured(_ config: SchedulerConfig) -> SamplerName? { try? SamplerName(config) }
}
