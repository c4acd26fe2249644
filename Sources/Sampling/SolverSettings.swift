/// What a request asks of a sampler's solver, beyond what the scheduler's configuration says. nil: the configuration's,
/// or the sampler's own.
package struct SolverSettings: Sendable, Equatable {
    /// How many predictions, or evaluations, a step is made of.
    package var order: Int?
    /// Which formula of that order.
    package var type: String?
    /// TCD: how far below the next timestep a step goes before it puts noise back on.
    package var gamma: Double?
    /// SA-Solver: how much noise the middle of the run gets.
    package var tau: Double?
    /// Langevin steps: the ratio of a step to the noise that comes with it.
    package var snr: Double?
    /// How many Langevin steps there are at a noise level.
    package var correctorSteps: Int?

    package init() {}
}

/// Which settings a sampler has a use for, and what they may be.
package struct SolverOptions: Sendable, Equatable {
    package var orders: ClosedRange<Int>?
    package var types: [String] = []
    package var hasGamma = false
    package var hasTau = false
    package var hasLangevinSteps = false

    package init(
        orders: ClosedRange<Int>? = nil, types: [String] = [], hasGamma: Bool = false, hasTau: Bool = false,
        hasLangevinSteps: Bool = false
    ) {
        (self.orders, self.types) = (orders, types)
        (self.hasGamma, self.hasTau, self.hasLangevinSteps) = (hasGamma, hasTau, hasLangevinSteps)
    }

    static let gammas = 0.0...1.0
    static let taus = 0.0...10.0
    static let snrs = 0.001...1.0
    static let correctorSteps = 0...100

    /// - Parameter sampler: its name, for messages
    /// - Throws: `SamplingError.solverSetting` for one that the sampler does not use, or that is out of range
    package func check(_ settings: SolverSettings, of sampler: String) throws {
        try check(settings.order, "solver order", orders, sampler)
        try check(settings.gamma, "gamma", hasGamma ? Self.gammas : nil, sampler)
        try check(settings.tau, "tau", hasTau ? Self.taus : nil, sampler)
        try check(settings.snr, "signal-to-noise ratio", hasLangevinSteps ? Self.snrs : nil, sampler)
        try check(
            settings.correctorSteps, "number of corrector steps", hasLangevinSteps ? Self.correctorSteps : nil, sampler)
        guard let type = settings.type, !types.contains(type) else { return }
        throw SamplingError.solverSetting(
            name: "solver type", value: quoted(type), sampler: sampler,
            allowed: types.isEmpty ? nil : types.joined(separator: ", "))
    }

    private func check<Value: Comparable>(
        _ value: Value?, _ name: String, _ range: ClosedRange<Value>?, _ sampler: String
    ) throws {
        guard let value else { return }
        guard let range, range.contains(value) else {
            throw SamplingError.solverSetting(
                name: name, value: "\(value)", sampler: sampler,
                allowed: range.map { "\($0.lowerBound) to \($0.upperBound)" })
        }
    }
}
