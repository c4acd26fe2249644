#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The singlestep solvers of DPM-Solver (Lu et al. 2022, arXiv 2206.00927, algorithms 1 and 2) in t = −log σ, of order 1
/// to 3: k-diffusion's DPMSolver. ε is what is integrated.
struct SinglestepSolver: Sendable {
    let path: SigmaPath

    func epsilon(_ x: Sample, _ t: Double, _ denoise: (Sample, NoiseLevel) throws -> Denoised) rethrows -> Sample {
        let level = path.level(of: exp(-t))
        return SigmaPath.slope(of: x, to: try denoise(x, level).x0, at: level)
    }

    /// From t to next along ε.
    func first(_ x: Sample, _ epsilon: Sample, from t: Double, to next: Double) -> Sample {
        x - exp(-next) * expm1(next - t) * epsilon
    }

    /// - Parameters:
    ///   - inner: ε at a point within the step
    ///   - ratio: where that lies
    func second(
        _ x: Sample, _ epsilon: Sample, inner: Sample, at ratio: Double, from t: Double, to next: Double
    ) -> Sample {
        let whole = exp(-next) * expm1(next - t)
        return x - whole * epsilon - whole / (2 * ratio) * (inner - epsilon)
    }

    /// - Parameter inner: ε at a third and at two thirds of the step
    func third(
        _ x: Sample, _ epsilon: Sample, inner: Sample, from t: Double, to next: Double,
        _ denoise: (Sample, NoiseLevel) throws -> Denoised
    ) rethrows -> Sample {
        let h = next - t
        let (r1, r2) = (1.0 / 3, 2.0 / 3)
        let second = t + r2 * h
        let bend = exp(-second) * (r2 / r1) * (expm1(r2 * h) / (r2 * h) - 1)
        let there = first(x, epsilon, from: t, to: second) - bend * (inner - epsilon)
        let later = try self.epsilon(there, second, denoise)
        return first(x, epsilon, from: t, to: next)
            - exp(-next) / r2 * (expm1(h) / h - 1) * (later - epsilon)
    }
}
