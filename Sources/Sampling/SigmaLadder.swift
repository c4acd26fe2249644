/// The σ that a run steps down, highest first, with the timestep that belongs to each.
struct SigmaLadder: Sendable, Equatable {
    var sigmas: [Double]
    var timesteps: [Double]

    /// The σ at the given timesteps.
    init(at timesteps: [Double], of table: SigmaTable) {
        self.timesteps = timesteps
        sigmas = timesteps.map { table.linearSigma(at: $0) }
    }

    /// The given σ, with the timesteps that lie there.
    init(_ sigmas: [Double], of table: SigmaTable) {
        self.sigmas = sigmas
        timesteps = sigmas.map { table.timestep(of: $0) }
    }

    /// σ spaced by a schedule.
    ///
    /// - Parameters:
    ///   - highest: where schedules that diffusers has too begin, unless the configuration has a `sigma_max`
    ///   - lowest: where they end, unless it has a `sigma_min`
    /// - Throws: `SamplingError` for a table of σ that was made for another noise
    init(
        _ spaced: @Sendable (ScheduleInput) throws -> [Double], from highest: Double, to lowest: Double,
        _ settings: SamplerSettings, of table: SigmaTable
    ) throws {
        let config = settings.config
        let input = ScheduleInput(
            count: settings.steps, highest: config.sigmaMax ?? highest, lowest: config.sigmaMin ?? lowest,
            trainedHighest: config.sigmaMax ?? table.highest, trainedLowest: config.sigmaMin ?? table.lowest,
            table: table, family: settings.family)
        self.init(try spaced(input), of: table)
    }
}
