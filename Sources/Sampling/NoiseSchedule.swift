#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The noise of every training step: β and ᾱ = Π(1 − β), in float32 and in the order of operations of diffusers,
/// so that both agree to the last bits.
package struct NoiseSchedule: Sendable, Equatable {
    package let betas: [Float]
    package let alphasCumprod: [Float]

    /// - Parameters:
    ///   - defaultBetas: β at the ends where the configuration says none.
    ///   - rescalesToZeroSNR: whether this sampler obeys `rescale_betas_zero_snr`.
    ///   - keepsLastAboveZero: samplers in σ put the last ᾱ at 2⁻²⁴ instead of 0, so that σ stays finite.
    package init(
        _ config: SchedulerConfig, defaultBetas: (start: Double, end: Double) = (0.0001, 0.02),
        rescalesToZeroSNR: Bool = true, keepsLastAboveZero: Bool = false
    ) {
        let count = config.numTrainTimesteps
        let start = config.betaStart ?? defaultBetas.start
        let end = config.betaEnd ?? defaultBetas.end
        var betas: [Float]
        if let trained = config.trainedBetas {
            betas = trained
        } else {
            switch config.betaSchedule {
            case .linear:
                betas = linspace(Float(start), Float(end), count)
            case .scaledLinear:
                betas = linspace(Float(start.squareRoot()), Float(end.squareRoot()), count).map { $0 * $0 }
            case .squaredCosine:
                betas = Self.cosineBetas(count)
            case .sigmoid:
                let range = Float(end - start)
                betas = linspace(-6, 6, count).map { 1 / (1 + exp(-$0)) * range + Float(start) }
            }
        }
        let rescales = config.rescaleBetasZeroSNR && (rescalesToZeroSNR || config.alwaysRescalesBetas)
        if rescales { betas = Self.rescaledToZeroTerminalSNR(betas) }
        var alphasCumprod = Self.cumulativeProduct(betas)
        if rescales && keepsLastAboveZero, !alphasCumprod.isEmpty {
            alphasCumprod[alphasCumprod.count - 1] = 0x1p-24
        }
        self.betas = betas
        self.alphasCumprod = alphasCumprod
    }

    /// σ = √((1 − ᾱ) / ᾱ) of every training step, lowest noise first.
    package var sigmas: [Float] { alphasCumprod.map { ((1 - $0) / $0).squareRoot() } }

    /// Π(1 − β), accumulated in double precision as torch.cumprod does.
    private static func cumulativeProduct(_ betas: [Float]) -> [Float] {
        var product = 1.0
        return betas.map {
            product *= Double(1 - $0)
            return Float(product)
        }
    }

    /// Nichol and Dhariwal 2021, equation 17.
    private static func cosineBetas(_ count: Int) -> [Float] {
        func alphaBar(_ t: Double) -> Double {
            let cosine = cos((t + 0.008) / 1.008 * Double.pi / 2)
            return cosine * cosine
        }
        return (0..<count).map {
            let (t, next) = (Double($0) / Double(count), Double($0 + 1) / Double(count))
            return Float(min(1 - alphaBar(next) / alphaBar(t), 0.999))
        }
    }

    /// Shifts and scales √ᾱ so that the last step is pure noise (Lin et al. 2023, algorithm 1).
    private static func rescaledToZeroTerminalSNR(_ betas: [Float]) -> [Float] {
        let roots = cumulativeProduct(betas).map { $0.squareRoot() }
        guard let first = roots.first, let last = roots.last, first > last else { return betas }
        let scale = first / (first - last)
        let alphasBar = roots.map { root in
            let moved = (root - last) * scale
            return moved * moved
        }
        return alphasBar.indices.map { 1 - ($0 == 0 ? alphasBar[0] : alphasBar[$0] / alphasBar[$0 - 1]) }
    }
}

/// torch.linspace in float32: counted from both ends towards the middle.
private func linspace(_ start: Float, _ end: Float, _ count: Int) -> [Float] {
    guard count > 1 else { return [start] }
    let step = (end - start) / Float(count - 1)
    return (0..<count).map {
        $0 < count / 2 ? start + step * Float($0) : end - step * Float(count - 1 - $0)
    }
}
