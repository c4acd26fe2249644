import Glibc

/// How the guidance scale goes over a run (Wang et al. 2024, "Analysis of Classifier-Free Guidance Weight Schedulers",
/// who find that scales which grow do better than one that stays).
package enum GuidanceCurve: Sendable, Equatable {
    /// In a straight line from here to the scale.
    case linear(from: Float)
    /// From here to the scale along half a wave of the cosine: slow at both ends.
    case cosine(from: Float)
    /// These, equally far from each other, in straight lines between; at least one. The scale is not looked at.
    case values([Float])

    /// - Parameters:
    ///   - scale: what the run is asked for
    ///   - part: of the run, 0 at the first step and 1 at the last
    package func scale(_ scale: Float, at part: Double) -> Float {
        switch self {
        case .linear(let start): start + Float(part) * (scale - start)
        case .cosine(let start): start + Float((1 - cos(.pi * part)) / 2) * (scale - start)
        case .values(let values): Float(interpolated(values, at: part * Double(values.count - 1)))
        }
    }

    /// The largest that it comes to.
    package func highest(_ scale: Float) -> Float {
        switch self {
        case .linear(let start), .cosine(let start): max(start, scale)
        case .values(let values): values.max() ?? scale
        }
    }
}

/// Where in a run a timestep lies.
package struct RunPosition: Sendable {
    private let timesteps: [Float]

    /// - Parameter timesteps: those of the run's steps, falling
    package init(timesteps: [Float]) { self.timesteps = timesteps }

    /// 0 at the first step, 1 at the last; a sampler may also look between two.
    package func part(at timestep: Float) -> Double {
        guard timesteps.count > 1, let next = timesteps.firstIndex(where: { $0 <= timestep }) else {
            return timesteps.count > 1 ? 1 : 0
        }
        guard next > 0 else { return 0 }
        let (high, low) = (timesteps[next - 1], timesteps[next])
        let between = high > low ? Double((high - timestep) / (high - low)) : 1
        return (Double(next - 1) + between) / Double(timesteps.count - 1)
    }
}
