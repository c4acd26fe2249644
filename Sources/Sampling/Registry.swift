extension SamplerName: CaseIterable {
    /// The registry: every sampler there is, in the order in which they are listed.
    package static let allCases: [SamplerName] = [
        ddim, ddpm, pndm, plms,
        euler, eulerAncestral, heun, lms,
        dpm2, dpm2Ancestral, dpmFast, dpmAdaptive,
        dpmpp2m, dpmpp2mSDE, dpmpp2sAncestral, dpmppSDE, dpmpp3mSDE,
        restart,
        unipc, deis, dpmppSinglestep, dpmSolver, dpmSolverSDE, ipndm, ipndmV,
        saSolver, erSDE, eulerCFGPP, eulerAncestralCFGPP,
        lcm, tcd,
        predictorCorrectorVE, predictorCorrectorVP, annealedLangevin,
    ]
}

/// Builds a sampler for a run.
///
/// - Parameter name: nil for the one that the configuration names.
/// - Throws: `SamplingError`.
package func makeSampler(_ name: SamplerName?, _ settings: SamplerSettings) throws -> any Sampler {
    let name = try name ?? SamplerName(settings.config)
    let sampler = try name.make(settings.checked(for: name))
    try check(sampler.levels, settings.config.predictionType)
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
