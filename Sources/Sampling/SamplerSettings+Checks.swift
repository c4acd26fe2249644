extension SamplerSettings {
    /// The most σ that may be given by hand, and the highest.
    private static let (mostSigmas, highestSigma) = (1000, 1e5)

    /// The settings as the sampler reads them.
    ///
    /// - Throws: `SamplingError` for what is out of range, or of no use to the sampler.
    func checked(for name: SamplerName) throws -> SamplerSettings {
        var settings = self
        if let eta {
            guard eta >= 0, eta <= 1 else { throw SamplingError.eta(eta) }
            guard name.options.contains(.eta) else {
                throw Self.refused("An eta", name, "one of the samplers ") { $0.options.contains(.eta) }
            }
        }
        if brownianNoise == true, !name.options.contains(.brownianNoise) {
            throw Self.refused("Noise from a Brownian path", name, "one of the samplers ") {
                $0.options.contains(.brownianNoise)
            }
        }
        try require(noiseFactor, "A noise factor", in: 0...2, .noiseFactor, of: name)
        if noiseFactor != nil, !name.isStochastic, churn == nil, (eta ?? 0) == 0 {
            throw SamplingError.unsupported(
                what: "A noise factor with the sampler \(name), which by itself adds none,",
                supported: name.options.contains(.churn) ? "the same with a churn" : "the same with an eta")
        }
        try require(churn?.amount, "A churn", in: 0...1000, .churn, of: name)
        try require(churn?.lowest, "The lowest σ of the churn", in: 0...Self.highestSigma, .churn, of: name)
        if let churn, !(churn.highest >= churn.lowest) {
            throw SamplingError.setting(
                what: "The highest σ of the churn", asked: churn.highest,
                allowed: "\(churn.lowest), its lowest, or more")
        }
        try require(tolerance?.relative, "A relative tolerance", in: 1e-5...1, .tolerance, of: name)
        try require(tolerance?.absolute, "An absolute tolerance", in: 1e-6...1, .tolerance, of: name)
        try name.solver.check(solver, of: name.rawValue)
        if let sigmas { try Self.check(sigmas, schedule, name) }
        if let schedule, schedule.spacesSigmas, !name.takesSchedule {
            throw Self.refused("The schedule \(schedule)", name, "discrete, or one of the samplers ") {
                $0.takesSchedule
            }
        }
        if config.sigmaData != nil {
            guard name.takesAnySigma else {
                throw Self.refused("A model that was trained on any σ", name, "one of the samplers ") {
                    $0.takesAnySigma
                }
            }
            if let schedule, !schedule.spacesSigmas {
                throw SamplingError.unsupported(
                    what:
                        "The schedule \(schedule), which picks training steps, with a model that was trained on any σ",
                    supported: ScheduleName.allCases.filter(\.spacesSigmas).map(\.rawValue).joined(separator: ", "))
            }
        }
        if let spacing = schedule?.spacing {
            guard name.takesSpacing else {
                throw Self.refused("The schedule \(schedule ?? .discrete)", name, "one of the samplers ") {
                    $0.takesSpacing
                }
            }
            settings.config.timestepSpacing = spacing
            settings.schedule = .discrete
        }
        return settings
    }

    private func require(
        _ value: Double?, _ what: String, in range: ClosedRange<Double>, _ option: SamplerOptions, of name: SamplerName
    ) throws {
        guard let value else { return }
        guard name.options.contains(option) else {
            throw Self.refused(what, name, "one of the samplers ") { $0.options.contains(option) }
        }
        guard range.contains(value) else {
            throw SamplingError.setting(what: what, asked: value, allowed: "\(range.lowerBound) to \(range.upperBound)")
        }
    }

    private static func check(_ sigmas: [Double], _ schedule: ScheduleName?, _ name: SamplerName) throws {
        guard name.takesSchedule else { throw refused("σ by hand", name, "one of the samplers ") { $0.takesSchedule } }
        guard schedule == nil else {
            throw SamplingError.sigmas(reason: "they are a schedule themselves; leave out \(schedule ?? .discrete)")
        }
        guard !sigmas.isEmpty else { throw SamplingError.sigmas(reason: "there is none above 0") }
        guard sigmas.count <= mostSigmas else {
            throw SamplingError.sigmas(reason: "\(sigmas.count) are too many; give \(mostSigmas) at most")
        }
        for sigma in sigmas where !(sigma > 0 && sigma <= highestSigma) {
            throw SamplingError.sigmas(reason: "\(sigma) is none; give numbers above 0 and up to \(highestSigma)")
        }
        // As float32, in which the samplers step.
        for (sigma, next) in zip(sigmas, sigmas.dropFirst()) where !(Float(sigma) > Float(next)) {
            throw SamplingError.sigmas(reason: "\(next) comes after \(sigma); each must be lower than the one before")
        }
    }

    private static func refused(
        _ what: String, _ name: SamplerName, _ instead: String, where isAble: (SamplerName) -> Bool
    ) -> SamplingError {
        .unsupported(
            what: "\(what) with the sampler \(name)",
            supported: instead + SamplerName.allCases.filter(isAble).map(\.rawValue).joined(separator: ", "))
    }
}
