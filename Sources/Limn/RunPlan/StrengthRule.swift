import Sampling

/// How programs make steps of a strength.
enum StrengthRule: Sendable {
    case diffusers, webUI, comfyUI, sdcpp

    /// How many steps a ladder is made of, and which of them are run.
    ///
    /// - Throws: `LimnError` where none is
    func part(strength: Double, steps: Int) throws -> (ladder: Int, part: RunConventions.Part) {
        guard (0...1).contains(strength), steps > 0 else {
            // With the words that this error has everywhere.
            _ = try withLimnErrors { try Sampling.firstStep(strength: strength, steps: steps) }
            return (steps, .all)
        }
        // More than any sampler takes, which says so.
        guard steps <= 1_000_000 else { return (steps, .all) }
        switch self {
        case .diffusers:
            return (steps, .from(try withLimnErrors { try Sampling.firstStep(strength: strength, steps: steps) }))
        case .webUI:
            // setup_img2img_steps, and sigmas[steps - t_enc - 1:]: one step more than that many.
            let encoded = Int(min(strength, 0.999) * Double(steps))
            return (steps, .from(steps - encoded - 1))
        case .sdcpp:
            guard strength < 1 else { return (steps, .all) }
            let encoded = min(Int(Float(steps) * Float(strength)), steps - 1)
            return (steps, .from(steps - encoded - 1))
        case .comfyUI:
            // KSampler.set_steps: as many steps as are asked for, the last of a longer ladder.
            guard strength <= 0.9999 else { return (steps, .all) }
            let ladder = Double(steps) / strength
            guard strength > 0, ladder <= 100_000 else {
                throw LimnError(
                    "a strength of \(strength) makes ComfyUI run the last \(steps) of more steps than there can be; give "
                        + "more strength", isUsage: true)
            }
            return (Int(ladder), .last(steps))
        }
    }
}
