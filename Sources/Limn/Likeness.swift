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
