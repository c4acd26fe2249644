/// Restart sampling (Xu et al. 2023): Heun's method down to little noise, back up by adding some, and down again, as the
/// webui chooses the restarts: below 20 steps none, from 20 one of nine steps, from 36 two of a quarter of the steps each,
/// between σ ≈ 0.1 and σ ≈ 2, with all of the way spaced as Karras does.
struct Restart: Sampler {
    let levels: [NoiseLevel]
    let initialNoiseScale: Float
    private let path: SigmaPath
    /// σ that each step ends at.
    private let ends: [Float]
    private let added: AddedNoise

    init(_ settings: SamplerSettings) throws {
        path = try SigmaPath(settings, .init(rescalesToZeroSNR: true))
        let first = min(max(settings.firstStep, 0), path.levels.count - 1)
        let plan = Self.plan(Array(path.sigmas[first...]))
        // Steps that the schedule has told the network's timestep of keep it.
        let planned =
            plan.isChanged
            ? plan.steps.map { [path] in path.level(of: Double($0.from)) } : Array(path.levels[first...])
        levels = path.levels[..<first] + planned
        ends = path.sigmas[1..<(first + 1)] + plan.steps.map(\.to)
        initialNoiseScale = path.initialNoiseScale
        added = AddedNoise(settings)
    }

    func sample(
        _ x: Sample, from firstStep: Int, denoise: (Sample, NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (Int, Sample) throws -> Sample
    ) throws -> Sample {
        var x = x
        for index in firstStep..<levels.count {
            let (level, end) = (levels[index], ends[index])
            let slope = SigmaPath.slope(of: x, to: try denoise(x, level).x0, at: level)
            if end > 0 {
                let next = levels[index + 1]
                let last = next.sigma == end ? next : path.level(of: Double(end))
                let there = x + (end - level.sigma) * slope
                let second = SigmaPath.slope(of: there, to: try denoise(there, last).x0, at: last)
                x += (end - level.sigma) * (0.5 * slope + 0.5 * second)
            } else {
                x += (end - level.sigma) * slope
            }
            if let next = levelAfter(step: index), next.sigma > end {
                let up = Double(next.sigma) * Double(next.sigma) - Double(end) * Double(end)
                x += added.factor * up.squareRoot() * noise()
            }
            x = try afterStep(index, x)
        }
        return x
    }
}

extension Restart {
    /// The steps from σ to σ of a schedule that ends at 0.
    ///
    /// - Returns: also whether they are others than the schedule's
    static func plan(_ sigmas: [Float]) -> (steps: [(from: Float, to: Float)], isChanged: Bool) {
        let count = sigmas.count - 1
        guard count >= 20 else { return (pairs(of: sigmas), false) }
        let (length, times) = count >= 36 ? (count / 4, 2) : (9, 1)
        let main = karras(count - length * times, from: sigmas[0], to: sigmas[count - 1]) + [0]
        let (low, high) = (nearest(main, to: 0.1), nearest(main, to: 2))
        var steps: [(from: Float, to: Float)] = []
        for index in 1..<main.count {
            steps.append((main[index - 1], main[index]))
            guard index == low, high < low else { continue }
            let again = karras(length + 1, from: main[high], to: main[low])
            for _ in 0..<times { steps += pairs(of: again) }
        }
        return (steps, true)
    }

    private static func pairs(of sigmas: [Float]) -> [(from: Float, to: Float)] {
        zip(sigmas, sigmas.dropFirst()).map { ($0, $1) }
    }

    private static func karras(_ count: Int, from highest: Float, to lowest: Float) -> [Float] {
        (0..<count).map {
            Float(ScheduleName.karras(Double($0) / Double(count - 1), from: Double(highest), to: Double(lowest)))
        }
    }

    private static func nearest(_ sigmas: [Float], to sigma: Float) -> Int {
        sigmas.indices.min { abs(sigmas[$0] - sigma) < abs(sigmas[$1] - sigma) } ?? 0
    }
}

extension SamplerName {
    static let restart = SamplerName(
        "restart", webui: "Restart", aliases: ["restart_sampler"], order: 2, evaluations: 2, isStochastic: true,
        options: .noiseFactor,
        use: "Heun, and from 20 steps on up and down again at little noise"
    ) { try Restart($0) }
}
