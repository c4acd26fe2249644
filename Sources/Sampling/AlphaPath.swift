/// The levels of a run that steps from one whole timestep to another, in ᾱ.
struct AlphaPath: Sendable, Equatable {
    let timesteps: [Int]
    let levels: [NoiseLevel]
    private let alphasCumprod: [Float]
    /// ᾱ below the first training step.
    private let final: Float

    /// - Parameter endsClean: whether the last step ends at ᾱ = 1 or at the first training step's ᾱ.
    /// - Throws: `SamplingError.steps` if `steps_offset` pushes the highest timestep out of the training steps.
    init(_ schedule: NoiseSchedule, timesteps: [Double], steps: Int, offset: Int, endsClean: Bool) throws {
        let table = schedule.alphasCumprod
        self.timesteps = timesteps.map { Int($0.rounded(.toNearestOrEven)) }
        guard let highest = self.timesteps.max(), highest < table.count else {
            let train = table.count
            let fitting = (1..<max(steps, 2)).last { ($0 - 1) * (train / $0) + offset < train }
            throw SamplingError.steps(
                asked: steps, allowed: 1...(fitting ?? 1),
                reason: "with a steps_offset of \(offset) they go beyond the model's \(train) training steps")
        }
        alphasCumprod = table
        final = endsClean ? 1 : table[0]
        levels = self.timesteps.map { NoiseLevel(alphaCumprod: table[max($0, 0)], timestep: Float($0)) }
    }

    /// ᾱ at a timestep, the final one below 0.
    func alpha(at timestep: Int) -> Double {
        timestep < 0 ? Double(final) : Double(alphasCumprod[min(timestep, alphasCumprod.count - 1)])
    }
}
