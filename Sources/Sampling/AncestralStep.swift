/// A step to a lower σ than the next, with the noise that brings it up again (k-diffusion's get_ancestral_step).
struct AncestralStep {
    /// The σ to step to.
    let down: Double
    /// The standard deviation of the noise.
    let up: Double

    /// - Parameter eta: how much of the noise is added: 1 all, 0 none.
    init(from: Double, to: Double, eta: Double) {
        up = min(to, eta * (to * to * max(from * from - to * to, 0) / (from * from)).squareRoot())
        down = (to * to - up * up).squareRoot()
    }
}
