/// The stochastic part of Karras et al. 2022, algorithm 2, before a step.
struct Churning: Sendable {
    private let churn: Churn
    private let added: AddedNoise

    /// nil where none is asked for
    init?(_ settings: SamplerSettings) {
        guard let churn = settings.churn, churn.amount > 0 else { return nil }
        self.churn = churn
        added = AddedNoise(settings)
    }

    /// Raises σ to σ̂ = σ·(1 + γ), and x with it.
    ///
    /// - Parameter steps: among how many the churn is shared out
    func raise(_ x: inout Sample, _ level: inout NoiseLevel, _ path: SigmaPath, share steps: Int, _ noise: NoiseSource)
    {
        // Drawn in every step, even where none is added: k-diffusion's order.
        let drawn = noise()
        let sigma = Double(level.sigma)
        guard sigma >= churn.lowest, sigma <= churn.highest else { return }
        let gamma = min(churn.amount / Double(steps), 2.0.squareRoot() - 1)
        let raised = sigma * (gamma + 1)
        x += added.factor * (raised * raised - sigma * sigma).squareRoot() * drawn
        level = path.level(of: raised)
    }
}
