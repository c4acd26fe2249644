/// What becomes of a run that begins at a noise level of thousands, on models whose training ends in nothing but noise.
package enum PureNoise: Sendable {
    case draws
    /// A picture comes of it if the first steps are short, as Karras's spacing and the exponential one make them.
    case drawsInShortSteps
    case breaks
}

/// A sampler of the registry: its names and what is known of it before it runs. Each is described in the file of the
/// sampler itself, in an extension of this type.
package struct SamplerName: Sendable, RawRepresentable, CustomStringConvertible {
    /// The name of the field, by which requests and pictures' records know it.
    package let rawValue: String
    /// As the webui writes it into pictures; for samplers it has not, in its manner.
    package let displayName: String
    /// Other spellings: the webui's, ComfyUI's, k-diffusion's. Case and punctuation do not matter.
    package let aliases: [String]
    /// diffusers' classes that are this sampler.
    let classes: [String]
    /// The order of the method with its usual settings: how the error falls as steps double.
    package let order: Int
    /// How often a step runs the network; nil where it decides by itself.
    package let evaluations: Int?
    /// Whether it draws noise on its way.
    package let isStochastic: Bool
    /// Whether the σ of its steps can be spaced by formula.
    package let takesSchedule: Bool
    /// Whether its timesteps can be picked otherwise than the configuration says.
    let takesSpacing: Bool
    /// Whether it goes through the levels it lists. One that chooses its own on the way cannot put back, after each
    /// step, what a mask keeps.
    package let keepsToLevels: Bool
    let options: SamplerOptions
    /// Whether it makes use of what the network predicts without the prompt.
    package let readsUnconditional: Bool
    /// How it bears to begin where there is nothing but noise.
    package let pureNoise: PureNoise
    /// Which settings of a solver it takes.
    package let solver: SolverOptions
    /// One line: what it is and when to use it.
    package let summary: String
    let make: @Sendable (SamplerSettings) throws -> any Sampler

    init(
        _ name: String, webui displayName: String, aliases: [String] = [], classes: [String] = [], order: Int,
        evaluations: Int? = 1, isStochastic: Bool = false, takesSchedule: Bool = true, takesSpacing: Bool = true,
        keepsToLevels: Bool = true, readsUnconditional: Bool = false, pureNoise: PureNoise = .draws,
        options: SamplerOptions = [], use summary: String, solver: SolverOptions = .init(),
        make: @escaping @Sendable (SamplerSettings) throws -> any Sampler
    ) {
        (rawValue, self.displayName, self.aliases, self.classes) = (name, displayName, aliases, classes)
        (self.order, self.evaluations, self.isStochastic) = (order, evaluations, isStochastic)
        (self.takesSchedule, self.takesSpacing, self.keepsToLevels) = (takesSchedule, takesSpacing, keepsToLevels)
        (self.options, self.summary, self.make) = (options, summary, make)
        (self.readsUnconditional, self.pureNoise, self.solver) = (readsUnconditional, pureNoise, solver)
    }

    package var description: String { rawValue }

    /// Whether it steps in σ, and not in training steps.
    var takesAnySigma: Bool { takesSchedule || self == .dpmFast || self == .dpmAdaptive }

    /// Every name that means this sampler, its own first.
    package var names: [String] { [rawValue, displayName] + aliases + classes }
}

extension SamplerName: Hashable {
    package static func == (left: SamplerName, right: SamplerName) -> Bool { left.rawValue == right.rawValue }
    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

extension SamplerName {
    /// The sampler with exactly this name of its own.
    package init?(rawValue: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = found
    }

    /// - Throws: `SamplingError.unknownName`, with the known names and the nearest.
    package init(named name: String) throws { self = try Self.parse(name).sampler }

    /// Reads a name that may end in a schedule's, as the webui writes them: "DPM++ 2M Karras".
    package static func parse(_ name: String) throws -> (sampler: SamplerName, schedule: ScheduleName?) {
        let known = allCases.map { ($0, $0.names) }
        if let sampler = match(name, in: known) { return (sampler, nil) }
        let text = folded(name)
        for schedule in ScheduleName.allCases {
            for suffix in [folded(schedule.rawValue), folded(schedule.displayName)] where text.hasSuffix(suffix) {
                if let sampler = match(String(text.dropLast(suffix.count)), in: known) { return (sampler, schedule) }
            }
        }
        return (try lookUp(name, "sampler", in: known), nil)
    }

    /// What a configuration's `_class_name` stands for.
    /// - Throws: `SamplingError.unsupported`, with the classes that are supported.
    init(_ config: SchedulerConfig) throws {
        guard let name = Self.allCases.first(where: { $0.classes.contains { $0 == config.className } }) else {
            throw SamplingError.unsupported(
                what: config.className.map { "The scheduler class \(quoted($0))" }
                    ?? "A scheduler configuration without \"_class_name\"",
                supported: Self.allCases.flatMap(\.classes).joined(separator: ", ") + "; or name a sampler")
        }
        guard name == .dpmpp2m else {
            self = name
            return
        }
        self =
            switch try DPMAlgorithm(config) {
            case .ode: .dpmpp2m
            case .sde: .dpmpp2mSDE
            case .noiseODE: .dpmSolver
            case .noiseSDE: .dpmSolverSDE
            }
    }

    /// The sampler that a configuration names; nil if it names none that is known.
    package static func configured(_ config: SchedulerConfig) -> SamplerName? { try? SamplerName(config) }
}
