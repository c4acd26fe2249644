import Platform

/// What can be wrong with a scheduler configuration, a sampler's name or the numbers asked of it.
package enum SamplingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The scheduler configuration is not the JSON object it should be.
    case notAConfig(file: String, reason: String)
    /// A key of the scheduler configuration holds what it must not.
    case badValue(file: String?, key: String, value: String, expected: String)
    /// The configuration asks for something that exists but is not built here.
    case unsupported(what: String, supported: String)
    /// No sampler, schedule or generator has this name.
    case unknownName(kind: String, name: String, nearest: String?, known: [String])
    case steps(asked: Int, allowed: ClosedRange<Int>, reason: String)
    case strength(asked: Double, steps: Int)
    case eta(Float)
    /// A number that a sampler is given is out of range.
    case setting(what: String, asked: Double, allowed: String)
    /// σ given by hand are no way down.
    case sigmas(reason: String)
    /// A sampler that chooses its steps by itself does not come to an end.
    case tooManyEvaluations(limit: Int)
    /// A setting of a solver that the sampler does not have (allowed: nil), or that is out of range.
    case solverSetting(name: String, value: String, sampler: String, allowed: String?)
    /// The betas leave nothing to sample from: a level without noise, without signal, or not finite.
    case degenerateSchedule(reason: String)

    package var description: String {
        switch self {
        case .notAConfig(let file, let reason):
            "\(file) is not a scheduler configuration: \(reason).\n"
                + "Expected the JSON object that diffusers writes as scheduler_config.json."
        case .badValue(let file, let key, let value, let expected):
            "\(file ?? "scheduler_config.json"): \"\(key)\" is \(value); expected \(expected)."
        case .unsupported(let what, let supported):
            "\(what) is not supported; supported: \(supported)."
        case .unknownName(let kind, let name, let nearest, let known):
            "There is no \(kind) named \"\(name)\"" + (nearest.map { "; did you mean \($0)?" } ?? ".")
                + "\nKnown: \(known.joined(separator: ", "))."
        case .steps(let asked, let allowed, let reason):
            "The number of steps must be between \(allowed.lowerBound) and \(allowed.upperBound), not \(asked): "
                + "\(reason)."
        case .strength(let asked, let steps):
            if asked.isFinite && asked >= 0 && asked <= 1 {
                "A strength of \(asked) leaves none of \(steps) step\(steps == 1 ? "" : "s") to run; "
                    + "raise the strength to at least \(Self.leastStrength(steps)) or ask for more steps."
            } else {
                "A strength of \(asked) is out of range; it goes from 0 (keep the picture) to 1 (start from noise)."
            }
        case .eta(let asked):
            "An eta of \(asked) is out of range; it goes from 0 (no noise is added) to 1."
        case .setting(let what, let asked, let allowed):
            "\(what) of \(asked) is out of range; give \(allowed)."
        case .sigmas(let reason):
            "These σ cannot be stepped down: \(reason)."
        case .tooManyEvaluations(let limit):
            "The sampler ran the network \(limit) times and is not at its end; "
                + "raise the tolerances, or use one with a fixed number of steps."
        case .solverSetting(let name, let value, let sampler, let allowed):
            if let allowed {
                "A \(name) of \(value) is not possible with the sampler \(sampler); it takes \(allowed)."
            } else {
                "The sampler \(sampler) has no use for a \(name); leave it out, or choose another sampler."
            }
        case .degenerateSchedule(let reason):
            "The scheduler configuration's noise schedule cannot be sampled: \(reason)."
        }
    }

    /// 1 / steps, rounded up to few digits.
    private static func leastStrength(_ steps: Int) -> Double {
        let digits = steps < 100 ? 100.0 : 10_000
        return (digits / Double(max(steps, 1))).rounded(.up) / digits
    }

    /// The same error, naming the file the configuration was read from.
    func naming(file: String) -> SamplingError {
        guard case .badValue(nil, let key, let value, let expected) = self else { return self }
        return .badValue(file: file, key: key, value: value, expected: expected)
    }
}

/// Text from outside, short enough and plain enough for a message of one line.
func quoted(_ text: String) -> String { Platform.quoted(text, limit: 40) }
