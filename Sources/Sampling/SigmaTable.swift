#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// σ of every training step, lowest noise first, and the way between σ and timesteps.
struct SigmaTable: Sendable {
    let sigmas: [Float]
    private let logarithms: [Float]

    init(_ schedule: NoiseSchedule) {
        sigmas = schedule.sigmas
        logarithms = sigmas.map { log($0) }
    }

    var count: Int { sigmas.count }
    var lowest: Double { Double(sigmas.first ?? 0) }
    var highest: Double { Double(sigmas.last ?? 0) }

    /// The place of σ on the grid of training steps, linear in log σ; the ends beyond (k-diffusion's sigma_to_t).
    func timestep(of sigma: Double) -> Double {
        guard logarithms.count > 1 else { return 0 }
        let logarithm = log(max(sigma, 1e-10))
        let above = logarithms.firstIndex { Double($0) > logarithm } ?? logarithms.count
        let low = min(max(above - 1, 0), logarithms.count - 2)
        let span = Double(logarithms[low] - logarithms[low + 1])
        let weight = min(max((Double(logarithms[low]) - logarithm) / span, 0), 1)
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }

    /// σ between training steps, linear in log σ (k-diffusion's t_to_sigma).
    func sigma(at timestep: Double) -> Double { exp(interpolated(logarithms, at: timestep)) }

    /// σ between training steps, linear in σ itself, as diffusers has it.
    func linearSigma(at timestep: Double) -> Double { interpolated(sigmas, at: timestep) }
}
