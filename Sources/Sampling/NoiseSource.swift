/// Where a run's noise comes from that its sampler adds on the way.
package struct NoiseSource {
    private let next: () -> Sample
    private let path: BrownianSeed?

    /// - Parameters:
    ///   - path: the Brownian path that samplers of an SDE follow; nil: each draws new values
    ///   - next: standard normal values, which differ from call to call
    package init(path: BrownianSeed? = nil, _ next: @escaping () -> Sample) { (self.path, self.next) = (path, next) }

    /// New values, in the order in which they are asked for.
    func callAsFunction() -> Sample { next() }

    /// The noise of steps between any of these σ.
    func along(_ sigmas: some Sequence<Float>, in pool: SamplePool) -> StepNoise {
        let levels = sigmas.filter { $0 > 0 }
        guard let path, let lowest = levels.min(), let highest = path.highest ?? levels.max() else {
            return StepNoise(path: nil, next: next)
        }
        return StepNoise(path: BrownianPath(path, from: lowest, to: highest, in: pool), next: next)
    }
}

/// Noise that may depend on the step that it is for.
struct StepNoise {
    fileprivate let path: BrownianPath?
    fileprivate let next: () -> Sample

    /// Standard normal values for a step from one σ down to another.
    func callAsFunction(from: Double, to: Double) -> Sample {
        path?.noise(from: Float(from), to: Float(to)) ?? next()
    }
}
