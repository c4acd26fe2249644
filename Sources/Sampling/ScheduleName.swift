/// A way to space the noise levels of a run: its names, and what makes them.
package struct ScheduleName: Sendable, RawRepresentable, CustomStringConvertible {
    /// By which requests and pictures' records know it.
    package let rawValue: String
    /// As the webui writes it into pictures; for those it has not, in its manner.
    package let displayName: String
    /// Other spellings; case and punctuation do not matter.
    package let aliases: [String]
    /// One line: what it is and when to use it.
    package let summary: String
    let kind: Kind

    enum Kind: Sendable {
        /// Timesteps are picked, and σ are those of the training; nil: as the configuration says.
        case timesteps(TimestepSpacing?)
        /// σ are spaced, and timesteps are those that lie there.
        case sigmas(@Sendable (ScheduleInput) throws -> [Double])
    }

    init(_ name: String, webui displayName: String, aliases: [String] = [], use summary: String, _ kind: Kind) {
        (rawValue, self.displayName, self.aliases) = (name, displayName, aliases)
        (self.summary, self.kind) = (summary, kind)
    }

    package var description: String { rawValue }

    /// Every name that means this schedule, its own first.
    package var names: [String] { [rawValue, displayName] + aliases }

    /// Which timesteps it picks; nil if it spaces σ, or leaves it to the configuration.
    var spacing: TimestepSpacing? {
        if case .timesteps(let spacing) = kind { spacing } else { nil }
    }

    package var spacesSigmas: Bool {
        if case .sigmas = kind { true } else { false }
    }
}

/// What a schedule spaces σ by.
struct ScheduleInput: Sendable {
    /// Steps, from 1.
    var count: Int
    /// The ends that diffusers' classes space σ between, which for some are those of the timesteps they would pick.
    let highest: Double
    let lowest: Double
    /// The ends of the training's noise.
    let trainedHighest: Double
    let trainedLowest: Double
    let table: SigmaTable
    let family: ModelFamily

    /// 0…1 in as many equal steps; 0 alone for one.
    var ramp: [Double] { (0..<count).map { count > 1 ? Double($0) / Double(count - 1) : 0 } }
}

/// Which models a table of σ was computed for.
package enum ModelFamily: Sendable {
    /// Stable Diffusion 1 and 2 and their like.
    case stableDiffusion
    case stableDiffusionXL
}

extension ScheduleName: Hashable {
    package static func == (left: ScheduleName, right: ScheduleName) -> Bool { left.rawValue == right.rawValue }
    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

extension ScheduleName: CaseIterable {
    /// Every schedule there is, in the order in which they are listed.
    package static let allCases: [ScheduleName] = [
        discrete, leading, trailing, linspace,
        karras, exponential, polyexponential,
        normal, sgmUniform, simple, ddimUniform,
        beta, betaTimesteps, klOptimal, alignYourSteps, gits, linearQuadratic,
    ]

    /// The schedule with exactly this name of its own.
    package init?(rawValue: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = found
    }

    package init(named name: String) throws {
        self = try lookUp(name, "schedule", in: Self.allCases.map { ($0, $0.names) })
    }

    /// What the configuration asks for.
    /// - Throws: `SamplingError.badValue` for more than one kind.
    init(_ config: SchedulerConfig) throws {
        let asked: [(key: String, schedule: ScheduleName)] = [
            config.useKarrasSigmas ? ("use_karras_sigmas", .karras) : nil,
            config.useExponentialSigmas ? ("use_exponential_sigmas", .exponential) : nil,
            config.useBetaSigmas ? ("use_beta_sigmas", .beta) : nil,
        ].compactMap(\.self)
        guard asked.count < 2 else {
            throw SamplingError.badValue(
                file: nil, key: asked[0].key, value: "true, and so is \(asked[1].key)", expected: "one of them at most")
        }
        let usual: ScheduleName =
            config.sigmaData == nil ? .discrete : config.sigmaSchedule == .karras ? .karras : .exponential
        self = asked.first?.schedule ?? usual
    }
}
