import Sampling

/// The program whose picture a request is to give: the same settings, read as that program reads them. What differs is
/// in the table below; docs/same-picture.md says where each line comes from.
///
///     request.likeness = .webui
public enum Likeness: String, Sendable, CaseIterable, Codable {
    /// diffusers' pipelines.
    case diffusers
    /// AUTOMATIC1111's stable-diffusion-webui, 1.10.
    case webui
    /// ComfyUI, 0.3.
    case comfyui
    /// stable-diffusion.cpp.
    case sdcpp = "sd.cpp"

    /// One line for `--help`.
    public var summary: String {
        switch self {
        case .diffusers: "diffusers' pipelines"
        case .webui: "AUTOMATIC1111's stable-diffusion-webui, 1.10"
        case .comfyui: "ComfyUI, its KSampler"
        case .sdcpp: "stable-diffusion.cpp"
        }
    }

    /// Reads a name, whatever its case.
    ///
    /// - Throws: `LimnError` that lists the names
    public init(named name: String) throws {
        let others: [String: Likeness] = [
            "automatic1111": .webui, "a1111": .webui, "sdwebui": .webui, "comfy": .comfyui,
            "stablediffusioncpp": .sdcpp,
        ]
        func folded(_ name: String) -> String { String(name.lowercased().filter { $0.isLetter || $0.isNumber }) }
        let wanted = folded(name)
        guard let found = Self.allCases.first(where: { folded($0.rawValue) == wanted }) ?? others[wanted] else {
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw LimnError("there is no \"\(name)\" to be like; there are \(names)", isUsage: true)
        }
        self = found
    }
}

/// What one program does otherwise than another. The values here are diffusers'.
struct Habits: Sendable {
    /// Whose random numbers; of the noise on the way alone, where `firstNoise` has another.
    var generator = GeneratorName.torch
    /// Of samplers whose noise has another.
    var generators: [String: GeneratorName] = [:]
    /// Samplers of an SDE whose noise follows a Brownian path.
    var brownianNoise: Set<String> = []
    /// Whether that path begins with the ladder's highest σ, even where a run from a picture does not.
    var followsWholePath = false
    /// Whose the first noise is.
    var firstNoise: GeneratorName?
    /// How the noise on the way follows it.
    var noiseOnTheWay = NoiseOnTheWay.goesOn
    /// Whether a batch is one tensor of noise, of which picture i has the i-th part; else it has the seed + i.
    var sharesNoise = false
    /// Where the noise comes from with which a VAE's distribution is sampled.
    var encoding = Encoding.sampled

    /// What is drawn where nothing is asked for; nil: what the model says.
    var sampler: String?
    var steps: Int?
    var guidanceScale: Float?
    /// The schedule of a sampler for which none is asked; the other samplers' is `normal`.
    var schedules: [String: String] = [:]
    /// Schedules that mean another in this program.
    var meantSchedules: [String: String] = [:]
    /// Samplers that are another in this program.
    var meantSamplers: [String: String] = [:]
    /// η of samplers that have another by themselves.
    var etas: [String: Float] = [:]
    /// Samplers whose ladder is made a step longer, and its last σ but one left out.
    var leavesOutPenultimate: Set<String> = []
    /// Samplers that step as this program's do; empty: all.
    var samplers: Set<String> = []
    /// How σ are laid out; nil: as diffusers does.
    var conventions: RunConventions?
    var strength = StrengthRule.diffusers
    /// How far to move from a picture, with a mask or without; nil: 0.75, with a mask 1.
    var usualStrength: Double?

    var style = PromptStyle.plain
    /// Whether prompts that change count evaluations of the network, from 0, or steps, from 1.
    var countsEvaluations = false
    /// Whether layers are skipped for the negative prompt, too.
    var skipsForNegative = false
    var clipSkip = ClipSkip.fromTheModels
    /// What XL is told where the negative prompt is empty.
    var emptyNegative = EmptyNegative.asTheModelSays

    var repainting = Repainting.afterSteps
    /// Whether latents that are kept are put back once the run is at its end.
    var restoresAtEnd = true
    /// How the original's pixels are laid over what was painted.
    var pastes = Pasting.blurred
    /// Whether a pixel's fraction is cut off, or rounded.
    var cutsPixels = false

    enum NoiseOnTheWay: Sendable {
        /// From the generator of the first noise.
        case goesOn
        /// From a generator begun anew with the seed; that of a CPU with the one after it.
        case beginsAnew
    }

    enum Encoding: Sendable {
        /// From the run's generator, before the first noise.
        case sampled
        /// From a generator of its own with the same seed.
        case sampledApart
        /// There is none: the distribution's mean.
        case mean
    }

    /// From which layer clip skip is counted.
    enum ClipSkip: Sendable {
        /// From the one that the model listens to.
        case fromTheModels
        case fromLast
        /// From the last, and for Stable Diffusion 1 alone: others do not heed it.
        case ofSD1Alone
    }

    enum EmptyNegative: Sendable {
        case asTheModelSays
        case read
        /// Zeros as states, and as the vector of the whole text.
        case zero
        /// Zeros as states alone.
        case zeroStates
    }

    enum Pasting: Sendable {
        case blurred
        /// By twice the blurred mask.
        case doubled
        /// Not at all: kept pixels have been through the VAE.
        case nothing
    }

    /// What is done about the part of a picture that a mask keeps.
    enum Repainting: Sendable {
        /// After every step it is the picture's, noised to where x is.
        case afterSteps
        /// It is the picture's in all that the network predicts.
        case inPredictions
        /// And in all that the network sees, noised to where x is.
        case inInputsAndPredictions
        /// In all that the network sees, as it is.
        case inInputs
    }
}

extension Likeness {
    /// The samplers of k-diffusion that all three have, and in the same way.
    private static let shared: Set<String> = [
        "euler", "euler_a", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2m_sde",
    ]

    private static let sde: Set<String> = ["dpm++sde", "dpm++2m_sde", "dpm++3m_sde"]

    /// The table of differences.
    var habits: Habits {
        var habits = Habits()
        switch self {
        case .diffusers: break
        case .webui:
            habits.generator = .cuda
            (habits.brownianNoise, habits.followsWholePath) = (Self.sde, true)
            habits.encoding = .mean  // sampled, but with what chance has left in torch's generator
            habits.sampler = "dpm++2m"
            (habits.steps, habits.guidanceScale) = (20, 7)
            for name in ["dpm++2m", "dpm++sde", "dpm++2s_a", "dpm2", "dpm2_a", "restart"] {
                habits.schedules[name] = "karras"
            }
            for name in ["dpm++2m_sde", "dpm++3m_sde"] { habits.schedules[name] = "exponential" }
            habits.etas = ["dpm_fast": 1, "dpm_adaptive": 1]
            habits.leavesOutPenultimate = ["dpm2", "dpm2_a", "dpm++3m_sde"]
            habits.samplers = Self.shared.union([
                "lms", "dpm2_a", "dpm++sde", "dpm++3m_sde", "dpm_fast", "dpm_adaptive", "restart", "ddim", "plms",
            ])
            habits.conventions = RunConventions(tables: .webUI)
            (habits.strength, habits.usualStrength) = (.webUI, 0.75)
            (habits.style, habits.countsEvaluations) = (.webui, true)
            (habits.skipsForNegative, habits.clipSkip) = (true, .ofSD1Alone)
            habits.emptyNegative = .zero
            (habits.repainting, habits.pastes) = (.inPredictions, .doubled)
            habits.cutsPixels = true
        case .comfyui:
            (habits.generator, habits.firstNoise) = (.cuda, .torch)
            habits.brownianNoise = Self.sde
            for name in Self.sde { habits.generators[name] = .torch }
            (habits.noiseOnTheWay, habits.sharesNoise) = (.beginsAnew, true)
            habits.encoding = .mean
            habits.sampler = "euler"
            (habits.steps, habits.guidanceScale) = (20, 8)
            habits.meantSchedules = ["beta": "beta_timesteps"]
            habits.meantSamplers = ["ddim": "euler"]
            habits.leavesOutPenultimate = ["dpm2", "dpm2_a"]
            habits.samplers = Self.shared.union([
                "lms", "dpm2_a", "dpm++sde", "dpm++3m_sde", "dpm_fast", "dpm_adaptive", "ipndm", "ipndm_v", "er_sde",
                "euler_cfg_pp", "euler_a_cfg_pp",
            ])
            habits.conventions = RunConventions(tables: .comfyUI, start: .varianceAtHighest, tellsWholeTimesteps: true)
            (habits.strength, habits.usualStrength) = (.comfyUI, 1)
            habits.style = .comfyui
            (habits.skipsForNegative, habits.clipSkip) = (true, .fromLast)
            habits.emptyNegative = .read
            (habits.repainting, habits.restoresAtEnd, habits.pastes) = (.inInputsAndPredictions, false, .nothing)
            habits.cutsPixels = true
        case .sdcpp:
            habits.generator = .cuda
            habits.encoding = .sampledApart
            habits.sampler = "euler_a"
            (habits.steps, habits.guidanceScale) = (20, 7)
            habits.schedules = ["ddim": "simple"]
            habits.meantSchedules = ["beta": "beta_timesteps"]
            habits.meantSamplers = ["ddim": "euler"]
            habits.samplers = Self.shared  // its lms and ipndm are others
            habits.conventions = RunConventions(tables: .sdcpp)
            (habits.strength, habits.usualStrength) = (.sdcpp, 0.75)
            habits.style = .sdcpp
            (habits.skipsForNegative, habits.clipSkip) = (true, .fromLast)
            habits.emptyNegative = .zeroStates
            (habits.repainting, habits.restoresAtEnd, habits.pastes) = (.inPredictions, false, .nothing)
            habits.cutsPixels = true
        }
        return habits
    }
}
