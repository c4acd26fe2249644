/// How much noise the steps of a stochastic sampler add.
struct AddedNoise: Sendable {
    /// Of what the SDE has it: 1 all, 0 none.
    let eta: Double
    /// What it is multiplied with.
    let factor: Double

    /// - Parameter usualEta: where the settings say none
    init(_ settings: SamplerSettings, usualEta: Double = 1) {
        eta = settings.eta.map { Double($0) } ?? usualEta
        factor = settings.noiseFactor ?? 1
    }
}
