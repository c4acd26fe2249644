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
    /// Whether the place of a σ is that of the training step nearest to it.
    var isWhole = false
    private let logarithms: [Float]
    /// Whether the network knows any σ, and is told log σ / 4 (Karras et al. 2022, table 1). As many σ as there are
    /// training steps stand for all of them where a schedule picks from those.
    private let isContinuous: Bool

    /// The noise that a model was trained on.
    init(
        _ config: SchedulerConfig, defaultBetas: (start: Double, end: Double) = (0.0001, 0.02),
        rescalesToZeroSNR: Bool = true
    ) {
        if config.sigmaData != nil, let lowest = config.sigmaMin, let highest = config.sigmaMax {
            let count = config.numTrainTimesteps
            let step = (log(highest) - log(lowest)) / Double(max(count - 1, 1))
            sigmas = (0..<count).map { $0 == count - 1 ? Float(highest) : Float(exp(log(lowest) + Double($0) * step)) }
            isContinuous = true
        } else {
            sigmas =
                NoiseSchedule(
                    config, defaultBetas: defaultBetas, rescalesToZeroSNR: rescalesToZeroSNR, keepsLastAboveZero: true
                ).sigmas
            isContinuous = false
        }
        logarithms = sigmas.map { log($0) }
    }

    /// - Parameter logarithms: of the σ; nil: these values'
    init(_ sigmas: [Float], logarithms: [Float]? = nil) {
        self.sigmas = sigmas
        self.logarithms = logarithms ?? sigmas.map { log($0) }
        isContinuous = false
    }

    var count: Int { sigmas.count }
    var lowest: Double { Double(sigmas.first ?? 0) }
    var highest: Double { Double(sigmas.last ?? 0) }

    /// The place of σ on the grid of training steps, linear in log σ; the ends beyond (k-diffusion's sigma_to_t). Where it
    /// is whole, the nearest in log σ (ComfyUI's ModelSamplingDiscrete.timestep).
    func timestep(of sigma: Double) -> Double {
        guard !isContinuous else { return 0.25 * log(max(sigma, 1e-10)) }
        guard logarithms.count > 1 else { return 0 }
        let logarithm = log(max(sigma, 1e-10))
        let above = logarithms.firstIndex { Double($0) > logarithm } ?? logarithms.count
        let low = min(max(above - 1, 0), logarithms.count - 2)
        let span = Double(logarithms[low] - logarithms[low + 1])
        let weight = min(max((Double(logarithms[low]) - logarithm) / span, 0), 1)
        if isWhole {
            // What float32 rounds off decides between two that are equally near, and of equals the lower is taken.
            let rounded = Float(log(Double(Float(sigma))))
            return Double(abs(rounded - logarithms[low + 1]) < abs(rounded - logarithms[low]) ? low + 1 : low)
        }
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }

    /// σ between training steps, linear in log σ (k-diffusion's t_to_sigma).
    func sigma(at timestep: Double) -> Double {
        isContinuous ? exp(4 * timestep) : exp(interpolated(logarithms, at: timestep))
    }

    /// The same in float32, to the last bit or one more.
    func singleSigma(at timestep: Float) -> Double {
        guard let last = logarithms.indices.last else { return 0 }
        let place = min(max(timestep, 0), Float(last))
        let low = Int(place)
        let weight = place - Float(low)
        let logarithm = (1 - weight) * logarithms[low] + weight * logarithms[min(low + 1, last)]
        return Double(Float(exp(Double(logarithm))))
    }

    /// σ between training steps, linear in σ itself, as diffusers has it.
    func linearSigma(at timestep: Double) -> Double { interpolated(sigmas, at: timestep) }
}
