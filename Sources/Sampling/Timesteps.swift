/// A run's timesteps, highest first, picked from the training steps as NumPy rounds them for diffusers.
enum Timesteps {
    /// As DDIM, DDPM, PNDM and the k-diffusion samplers pick them. Not rounded for `linspace`.
    ///
    /// - Throws: `SamplingError.steps` if `steps` is not in 1...`train`.
    static func evenly(_ spacing: TimestepSpacing, steps: Int, train: Int, offset: Int) throws -> [Double] {
        try requireSteps(steps, atMost: train)
        switch spacing {
        case .linspace:
            return linspace(last: train - 1, count: steps).reversed()
        case .leading:
            let ratio = train / steps
            return (0..<steps).reversed().map { Double($0 * ratio + offset) }
        case .trailing:
            return descending(from: train, steps: steps, train: train)
        }
    }

    /// As DPM-Solver++ and UniPC pick them: whole numbers that leave room for a last step to the end.
    ///
    /// - Parameter last: one above the highest timestep to use.
    static func multistep(
        _ spacing: TimestepSpacing, steps: Int, train: Int, offset: Int, last: Int
    ) throws -> [Double] {
        try requireSteps(steps, atMost: train)
        switch spacing {
        case .linspace:
            return linspace(last: last - 1, count: steps + 1).dropFirst().reversed().map {
                $0.rounded(.toNearestOrEven)
            }
        case .leading:
            let ratio = last / (steps + 1)
            guard ratio > 0 else {
                throw SamplingError.steps(
                    asked: steps, allowed: 1...max(1, last - 1),
                    reason: "with leading timestep spacing this sampler needs more training steps than steps")
            }
            return (1...steps).reversed().map { Double($0 * ratio + offset) }
        case .trailing:
            return descending(from: last, steps: steps, train: train)
        }
    }

    /// - Throws: `SamplingError.steps` for more than the training's, or none
    static func requireSteps(_ steps: Int, atMost train: Int) throws {
        guard (1...train).contains(steps) else {
            throw SamplingError.steps(
                asked: steps, allowed: 1...train, reason: "the model was trained with \(train) of them")
        }
    }

    /// numpy.linspace(0, last, count)
    private static func linspace(last: Int, count: Int) -> [Double] {
        guard count > 1 else { return [0] }
        let step = Double(last) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? Double(last) : Double($0) * step }
    }

    /// round(numpy.arange(first, 0, −train/steps)) − 1
    private static func descending(from first: Int, steps: Int, train: Int) -> [Double] {
        let start = Double(first)
        // arange adds up its own difference between the first two values, not the step it was given.
        let difference = (start - Double(train) / Double(steps)) - start
        // Rounding can give arange a value too many, near 0: a timestep of −1, which is none.
        return (0..<steps).map { (start + Double($0) * difference).rounded(.toNearestOrEven) - 1 }
            .filter { $0 >= 0 }
    }
}
