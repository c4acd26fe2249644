#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the σ of a run are spaced.
package enum ScheduleName: String, CaseIterable, Sendable, CustomStringConvertible {
    /// The σ of the timesteps themselves.
    case discrete
    case karras
    case exponential

    package var description: String { rawValue }

    /// One line for `--help`.
    package var summary: String {
        switch self {
        case .discrete: "the noise levels of the training timesteps"
        case .karras: "more steps at little noise (Karras et al. 2022)"
        case .exponential: "the same factor from each noise level to the next"
        }
    }

    package init(named name: String) throws {
        self = try lookUp(
            name, "schedule", in: Self.allCases.map { ($0, [$0.rawValue]) } + [(.discrete, ["normal"])])
    }

    /// What the configuration asks for.
    /// - Throws: `SamplingError.unsupported` for beta sigmas, `.badValue` for more than one kind.
    init(_ config: SchedulerConfig) throws {
        guard !config.useBetaSigmas else {
            throw SamplingError.unsupported(
                what: "use_beta_sigmas", supported: "use_karras_sigmas, use_exponential_sigmas, or neither")
        }
        guard !(config.useKarrasSigmas && config.useExponentialSigmas) else {
            throw SamplingError.badValue(
                file: nil, key: "use_karras_sigmas", value: "true, and so is use_exponential_sigmas",
                expected: "one of them at most")
        }
        self = config.useKarrasSigmas ? .karras : config.useExponentialSigmas ? .exponential : .discrete
    }
}

/// The σ that a run steps down, highest first, with the timestep that belongs to each.
struct SigmaLadder: Sendable, Equatable {
    var sigmas: [Double]
    var timesteps: [Double]

    /// The σ at the given timesteps.
    init(at timesteps: [Double], of table: [Float]) {
        self.timesteps = timesteps
        sigmas = timesteps.map { interpolated(table, at: $0) }
    }

    /// σ spaced by formula between the given ends, or the configuration's `sigma_max` and `sigma_min`, with the
    /// timesteps that lie there.
    init(
        _ schedule: ScheduleName, from highest: Double, to lowest: Double, count: Int,
        config: SchedulerConfig, table: [Float]
    ) {
        let highest = config.sigmaMax ?? highest
        let lowest = config.sigmaMin ?? lowest
        let ramp = (0..<count).map { count > 1 ? Double($0) / Double(count - 1) : 0 }
        if schedule == .karras {
            let rho = 7.0  // Karras et al. 2022, equation 5
            let (high, low) = (pow(highest, 1 / rho), pow(lowest, 1 / rho))
            sigmas = ramp.map { pow(high + $0 * (low - high), rho) }
        } else {
            let (high, low) = (log(highest), log(lowest))
            sigmas = ramp.map { exp(high + $0 * (low - high)) }
        }
        let logarithms = table.map { log($0) }
        timesteps = sigmas.map { Self.timestep(of: $0, logarithms) }
    }

    /// The place of σ on the grid of training steps, linear in log σ.
    private static func timestep(of sigma: Double, _ logarithms: [Float]) -> Double {
        guard logarithms.count > 1 else { return 0 }
        let logarithm = log(max(sigma, 1e-10))
        let above = logarithms.firstIndex { Double($0) > logarithm } ?? logarithms.count
        let low = min(max(above - 1, 0), logarithms.count - 2)
        let span = Double(logarithms[low] - logarithms[low + 1])
        let weight = min(max((Double(logarithms[low]) - logarithm) / span, 0), 1)
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }
}
