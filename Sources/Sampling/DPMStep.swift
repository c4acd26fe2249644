#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which of the DPM-Solvers: what is integrated exactly, and whether noise is added on the way (diffusers'
/// algorithm_type).
enum DPMAlgorithm: String, CaseIterable, Sendable {
    /// x₀ along the ODE (Lu et al. 2022b).
    case ode = "dpmsolver++"
    case sde = "sde-dpmsolver++"
    /// ε along the ODE (Lu et al. 2022a).
    case noiseODE = "dpmsolver"
    case noiseSDE = "sde-dpmsolver"

    /// - Throws: `SamplingError.unsupported` for an algorithm_type that is none of them
    init(_ config: SchedulerConfig) throws {
        let name = config.algorithmType ?? Self.ode.rawValue
        // The names of other multistep solvers mean the default, as in diffusers.
        guard let algorithm = Self(rawValue: name == "deis" ? Self.ode.rawValue : name) else {
            throw SamplingError.unsupported(
                what: "algorithm_type \(quoted(name))",
                supported: Self.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = algorithm
    }

    var isStochastic: Bool { self == .sde || self == .noiseSDE }
    var predictsNoise: Bool { self == .noiseODE || self == .noiseSDE }
}

/// Two ways to come to second order: with a difference that counts for half the step, or with its own integral.
enum DPMSolverType {
    case midpoint, heun

    /// - Throws: `SamplingError.unsupported` for a solver_type of neither
    init(_ settings: SamplerSettings) throws {
        let asked = settings.config.solverType
        // The names of the other multistep solvers mean this one's default, as in diffusers.
        try settings.config.refuse(
            "solver_type", asked, unless: ["midpoint", "heun", "logrho", "bh1", "bh2"])
        self = (settings.solver.type ?? asked) == "heun" ? .heun : .midpoint
    }
}

/// The weights of a step from one point to another: of x, of the prediction and its first and second difference in λ,
/// and of the noise.
struct DPMStep {
    let kept: Double
    let first: Double
    let second: Double
    let third: Double
    let noise: Double

    /// - Parameter eta: how much noise the SDE on x₀ adds, above 0: 1 what is lost
    init(from: MultistepPath.Point, to: MultistepPath.Point, _ algorithm: DPMAlgorithm, eta: Double = 1) {
        let h = to.lambda - from.lambda
        let integrals: (first: Double, second: Double, third: Double)
        let scale: Double
        switch algorithm {
        case .ode:
            (kept, scale, noise) = (to.sigma / from.sigma, to.alpha, 0)
            integrals = Self.integrals(h)
        case .sde:
            kept = to.sigma / from.sigma * exp(-eta * h)
            (scale, noise) = (to.alpha, to.sigma * (-expm1(-2 * eta * h)).squareRoot())
            integrals = Self.integrals((1 + eta) * h)
        case .noiseODE:
            (kept, scale, noise) = (to.alpha / from.alpha, to.sigma, 0)
            integrals = Self.integrals(-h)
        case .noiseSDE:
            kept = to.alpha / from.alpha
            (scale, noise) = (2 * to.sigma, h.isFinite ? to.sigma * expm1(2 * h).squareRoot() : 0)
            integrals = Self.integrals(-h)
        }
        guard h.isFinite || !algorithm.predictsNoise else {
            // A clean end: what is left when the noise is taken off.
            (first, second, third) = (-to.alpha * from.sigma / from.alpha, 0, 0)
            return
        }
        (first, second, third) = (scale * integrals.first, scale * integrals.second, scale * integrals.third)
    }

    /// Of a step of h in λ; the SDE on x₀ sees a longer step, ε one backwards.
    private static func integrals(_ h: Double) -> (first: Double, second: Double, third: Double) {
        guard h.isFinite else { return (1, 1, 0.5) }
        let decay = expm1(-h)
        return (-decay, decay / h + 1, -((decay + h) / (h * h) - 0.5))
    }
}
